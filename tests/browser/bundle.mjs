// The pages, as a browser takes them.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { compileScript, parse } from 'vue/compiler-sfc'

const pages = fileURLToPath(new URL('pages/', import.meta.url))

/** Single-file components, with their templates compiled. */
const components = {
  name: 'components',
  setup({ onLoad }) {
    onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const { descriptor, errors } = parse(await readFile(path, 'utf8'), { filename: path })
      if (errors.length) return { errors: errors.map((error) => ({ text: error.message })) }
      return { contents: compileScript(descriptor, { id: basename(path), inlineTemplate: true }).content, loader: 'js' }
    })
  },
}

/** Scripts by path: `/page.js`, `/react.js`, `/vue.js`. */
export async function scripts() {
  const { outputFiles } = await build({
    entryPoints: { page: `${pages}page.js`, react: `${pages}react/main.jsx`, vue: `${pages}vue/main.js` },
    bundle: true,
    write: false,
    outdir: '/',
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
    plugins: [components],
    logLevel: 'warning',
  })
  return new Map(outputFiles.map((file) => [`/${basename(file.path)}`, file.text]))
}
