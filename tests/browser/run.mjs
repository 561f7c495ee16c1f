// node run.mjs <scenario>: opens the sites and says where they are, is told on standard input where the service is
// (and more, if the scenario wants it, each after a space), and plays one scenario in a fresh Chromium. Everything is on loopback. Exit status 0: all held.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { chromium } from 'playwright-core'
import { open } from './sites.mjs'
import { within } from './time.mjs'
import { Outside } from './outside.mjs'
import { Witness } from './witness.mjs'

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
  // Whatever it may want to look up, it finds nothing but this machine.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1']

const { play } = await import(`./scenarios/${process.argv[2]}.mjs`)
const sites = await open()
console.log(JSON.stringify(sites.origins))
const input = createInterface({ input: process.stdin })
const line = (await within(60, 'the address of the service', input[Symbol.asyncIterator]().next())).value
const [service, ...given] = line.split(' ')
input.close()
sites.gateway.serve(service)

const profile = await mkdtemp(join(tmpdir(), 'portcullis-browser-'))
let context
try {
  const executablePath = process.env.PORTCULLIS_TEST_CHROMIUM ?? '/usr/bin/chromium'
  context = await chromium.launchPersistentContext(profile, { executablePath, args: flags, timeout: 60_000 })
  context.setDefaultTimeout(20_000)
  const witness = new Witness(context, sites.gateway)
  const stage = { context, ...sites, given, witness, outside: new Outside(service), step: witness.step.bind(witness) }
  await within(120, process.argv[2], play(stage))
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await context?.close()
  sites.close()
  await rm(profile, { recursive: true, force: true })
}
