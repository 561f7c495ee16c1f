// What the test does with pages.

import assert from 'node:assert/strict'

/** A tab on a page, with its script running. */
export async function visit(context, origin, path = '/') {
  const page = await context.newPage()
  await page.goto(origin + path)
  return page
}

/** Calls a method of the client in the page: what it gives, or what it throws. */
export function use(page, method, ...given) {
  return page.evaluate(async ([name, parameters]) => {
    try {
      return { value: await window.auth[name](...parameters) }
    } catch ({ status, code, retryAfter }) {
      return { status, code, retryAfter }
    }
  }, [method, given])
}

/** The same, where it must work. */
export async function must(page, method, ...given) {
  const outcome = await use(page, method, ...given)
  assert.ok('value' in outcome, `${method} ${given}: ${JSON.stringify(outcome)}`)
  return outcome.value
}

/** A call of the page's own, without the client: what the page can see of the answer, or that it sees none. */
export function raw(page, url, options) {
  return page.evaluate(async ([url, options]) => {
    try {
      const answer = await fetch(url, options)
      return { type: answer.type, status: answer.status, text: await answer.text() }
    } catch (error) {
      return { error: error.name }
    }
  }, [url, options])
}
