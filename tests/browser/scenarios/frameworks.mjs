// The React page and the Vue page, by what a person sees and presses.

import assert from 'node:assert/strict'
import { visit } from '../pages.mjs'

export async function play(stage) {
  for (const framework of ['react', 'vue']) await stay(stage, framework)
  stage.witness.conclude()
}

async function stay({ context, origins, gateway, outside, step }, framework) {
  const person = outside.person()
  const plain = await visit(context, origins.allowed)
  await plain.evaluate((form) => window.auth.register(form), person)
  await plain.close()
  const page = await visit(context, origins.allowed, `/${framework}`)
  const broken = []
  page.on('pageerror', (error) => broken.push(error))
  const heading = (tab, name) => tab.getByRole('heading', { name, exact: true }).waitFor()
  const guest = (tab) => tab.getByRole('button', { name: 'Log in' }).waitFor()
  const refreshes = (mark) => gateway.passed.slice(mark)
    .filter(({ method, path }) => method === 'POST' && path === '/api/v1/auth/refresh')

  await step(`${framework}: a wrong password is told`, async () => {
    await page.getByLabel('Name').fill(person.username)
    await page.getByLabel('Password').fill('not the password')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').filter({ hasText: 'The name or the password is wrong.' }).waitFor()
  })

  await step(`${framework}: log in`, async () => {
    await page.getByLabel('Password').fill(person.password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await heading(page, person.username)
    await outside.watch(person)
  })

  await step(`${framework}: a reload stays logged in`, async () => {
    await page.reload()
    await heading(page, person.username)
  })

  await step(`${framework}: rename`, async () => {
    const name = `${person.username}x`
    await page.getByLabel('New name').fill(name)
    await page.getByRole('button', { name: 'Rename' }).click()
    await heading(page, name)
    assert.equal((await outside.account()).user.username, name)
    person.username = name
  })

  await step(`${framework}: two calls at once with an expired access cookie refresh once`, async () => {
    await context.clearCookies({ name: 'portcullis_access' })
    const mark = gateway.passed.length
    await page.getByRole('button', { name: 'Show devices' }).click()
    await page.getByRole('listitem').filter({ hasText: 'Chrome' }).waitFor()
    assert.equal(refreshes(mark).length, 1)
  })

  await step(`${framework}: what cannot be reached is told, and found again`, async () => {
    await page.route('**/api/**', (route) => route.abort())
    await page.reload()
    await page.getByRole('alert').filter({ hasText: 'The service cannot be reached.' }).waitFor()
    await page.unroute('**/api/**')
    await page.getByRole('button', { name: 'Try again' }).click()
    await heading(page, person.username)
  })

  const second = await visit(context, origins.allowed, `/${framework}`)
  await step(`${framework}: a second tab is logged in, and logged out with the first`, async () => {
    await heading(second, person.username)
    await page.getByRole('button', { name: 'Log out' }).click()
    await guest(page)
    await guest(second)
    assert.equal((await outside.account()).sessions.length, 1)
  })

  await step(`${framework}: a login in one tab is a login in both`, async () => {
    await second.getByLabel('Name').fill(person.email)
    await second.getByLabel('Password').fill(person.password)
    await second.getByRole('button', { name: 'Log in' }).click()
    await heading(second, person.username)
    await heading(page, person.username)
    await page.getByRole('button', { name: 'Log out' }).click()
    await guest(second)
  })

  assert.deepEqual(broken, [])
  await Promise.all([page.close(), second.close()])
}
