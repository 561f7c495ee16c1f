// The pages behind links that work once, as people use them: by the names of fields and buttons, and by the keyboard.

import assert from 'node:assert/strict'

const prefixes = { '/setup': 'psu_', '/set-password': 'psl_' }

export async function play({ context, origins, gateway, outside, given, step }) {
  const [old, link] = given
  const [admin, member] = [outside.person(), outside.person()]
  const watch = await watching(context)
  const page = await context.newPage()

  await step('a link that is cut short, or none at all, is told at once', async () => {
    for (const address of [link.slice(0, -1), link.split('#')[0], link.replace('psu_', 'psl_')]) {
      await page.goto('about:blank')
      await page.goto(address)
      assert.match(await told(page, 'alert'), /^This link is not whole\./)
      assert.equal(await page.getByRole('button').count(), 0, 'there is nothing to fill in')
    }
  })

  await step('a newer link makes the older one worthless', async () => {
    await open(page, old)
    await fill(page, { ...admin, again: admin.password })
    await page.getByRole('button', { name: 'Open the account' }).click()
    assert.equal(await told(page, 'alert'), await sentence(gateway, 'invalid-link'))
    await secret(context, page, old, watch)
  })

  await step('everything on the page has a name', async () => {
    await open(page, link)
    assert.equal(await page.getByRole('main').ariaSnapshot(), `- main:
  - heading "The first administrator" [level=1]
  - paragraph: Whoever has this link opens the first account, which may do everything. The link works once.
  - text: E-mail address
  - textbox "E-mail address"
  - text: Username (optional)
  - textbox "Username (optional)"
  - text: Password
  - textbox "Password"
  - text: The same password again
  - textbox "The same password again"
  - paragraph:
    - checkbox "Show the password"
    - text: Show the password
  - button "Open the account"`)
  })

  await step('what is missing, different or weak is told next to its field, which has the focus', async () => {
    const mark = gateway.passed.length
    await page.getByRole('button', { name: 'Open the account' }).click()
    for (const name of ['E-mail address', 'Password', 'The same password again']) {
      assert.deepEqual(await blamed(page, name), { invalid: true, description: 'Please fill this in.' })
    }
    await fill(page, { email: 'nobody', password: 'password12', again: 'password21' })
    await page.getByRole('button', { name: 'Open the account' }).click()
    assert.deepEqual(await blamed(page, 'The same password again'),
      { invalid: true, description: 'The two passwords are not the same.' })
    assert.equal(gateway.passed.length, mark, 'so far nothing was sent')
    await fill(page, { again: 'password12' })
    await page.getByRole('button', { name: 'Open the account' }).click()
    await page.getByRole('alert').waitFor()
    const { errors } = JSON.parse(gateway.passed.at(-1).text)
    assert.deepEqual(errors.map(({ pointer }) => pointer).sort(), ['/email', '/password'])
    for (const [name, pointer] of [['E-mail address', '/email'], ['Password', '/password']]) {
      const { detail } = errors.find((error) => error.pointer === pointer)
      assert.deepEqual(await blamed(page, name), { invalid: true, description: detail })
    }
    assert.equal(await focused(page), 'E-mail address')
    assert.deepEqual(await blamed(page, 'The same password again'), { invalid: false, description: '' })
    await secret(context, page, link, watch)
  })

  await step('a good password, by the keyboard alone, makes the administrator', async () => {
    await page.getByLabel('E-mail address').focus()
    for (const text of [admin.email, admin.username, admin.password, admin.password]) {
      await page.keyboard.press('ControlOrMeta+A')
      await page.keyboard.type(text)
      await page.keyboard.press('Tab')
    }
    assert.equal(await focused(page), 'Show the password')
    await page.keyboard.press('Space')
    assert.equal(await page.getByLabel('Password', { exact: true }).getAttribute('type'), 'text')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    assert.equal(await told(page, 'status'), 'The account is open. You can log in with it now.')
    assert.equal(await page.getByRole('textbox').count(), 0)
    assert.equal(await page.getByLabel('Password', { exact: true, includeHidden: true }).inputValue(), '')
    await secret(context, page, link, watch)
    await outside.watch(admin)
    assert.deepEqual(await outside.roles(), ['admin', 'user'])
  })

  await step('afterwards the page is closed', async () => {
    for (const address of [link, link.split('#')[0]]) {
      await page.goto('about:blank')
      const answer = await page.goto(address)
      assert.equal(answer.status(), 410)
      assert.match(await page.getByRole('main').innerText(), /There is an administrator already/)
      assert.equal(await page.getByRole('textbox').count(), 0)
    }
  })

  const invitation = await outside.invite(member)
  const late = await context.newPage()
  await step('a link to a password: weak is told, good is kept', async () => {
    assert.ok(invitation.startsWith(`${origins.own}/set-password#psl_`))
    await open(late, invitation)
    await open(page, invitation)
    assert.equal(await page.getByRole('heading').innerText(), 'Choose a password')
    const button = page.getByRole('button', { name: 'Set the password' })
    await fill(page, { 'New password': 'password12', again: 'password12' })
    await button.click()
    await page.getByRole('alert').waitFor()
    const [{ detail }] = JSON.parse(gateway.passed.at(-1).text).errors
    assert.deepEqual(await blamed(page, 'New password'), { invalid: true, description: detail })
    assert.equal(await focused(page), 'New password')
    await fill(page, { 'New password': member.password, again: member.password })
    await button.click()
    assert.equal(await told(page, 'status'), 'This is your password now. You can log in with it.')
    await secret(context, page, invitation, watch)
  })

  await step('used a second time, the link is dead: in a tab that was open, and in a new one', async () => {
    for (const again of [late, page]) {
      if (again === page) await open(page, invitation)
      await fill(again, { 'New password': `${member.password} x`, again: `${member.password} x` })
      await again.getByRole('button', { name: 'Set the password' }).click()
      assert.equal(await told(again, 'alert'), await sentence(gateway, 'invalid-link'))
      await secret(context, again, invitation, watch)
    }
    await outside.watch(member)
    assert.deepEqual(await outside.roles(), ['user'])
  })

  await step('no page has asked another origin, or done what its policy forbids; the watch would have seen it', async () => {
    assert.ok(watch.asked.length > 20)
    const elsewhere = watch.asked.filter(({ url }) => new URL(url).origin !== origins.own)
    assert.deepEqual(elsewhere, [])
    assert.deepEqual(watch.broken, [])
    await page.evaluate(() => document.body.append(document.createElement('style')))
    await page.evaluate(() => document.querySelector('style').append('body { color: red }'))
    await page.evaluate(() => fetch('http://127.0.0.1:9/').catch(() => {}))
    await page.waitForTimeout(200)
    assert.ok(watch.broken.length >= 2, `${watch.broken}`)
  })
}

/** All that pages ask for, and each violation of their policy. */
async function watching(context) {
  const seen = { asked: [], broken: [] }
  await context.exposeFunction('violated', (what) => seen.broken.push(what))
  await context.addInitScript(() => {
    const tell = ({ effectiveDirective, blockedURI }) => window.violated(`${effectiveDirective} ${blockedURI}`)
    document.addEventListener('securitypolicyviolation', tell)
  })
  context.on('request', (request) => seen.asked.push({ url: request.url(), headers: request.headers() }))
  context.on('weberror', (error) => seen.broken.push(`${error.error()}`))
  return seen
}

/** Follows a link as in a message, in a tab that may show the page already. */
async function open(page, link) {
  await page.goto('about:blank')
  await page.evaluate((link) => Object.assign(document.createElement('a'), { href: link }).click(), link)
  await page.getByRole('button').waitFor()
}

async function fill(page, values) {
  const names = { email: 'E-mail address', username: 'Username', again: 'The same password again' }
  for (const [key, value] of Object.entries(values)) {
    const field = key === 'password' ? page.getByLabel('Password', { exact: true }) : page.getByLabel(names[key] ?? key)
    await field.fill(value)
  }
}

/** What is said in the one place with this role, once it is said. */
async function told(page, role) {
  const place = page.getByRole(role)
  await place.waitFor()
  return place.innerText()
}

/** What a screen reader says about a field besides its name. */
async function blamed(page, name) {
  const session = await page.context().newCDPSession(page)
  const { root } = await session.send('DOM.getDocument', { depth: 0 })
  const question = { nodeId: root.nodeId, accessibleName: name, role: 'textbox' }
  const { nodes } = await session.send('Accessibility.queryAXTree', question)
  await session.detach()
  assert.equal(nodes.length, 1, `one field is called "${name}"`)
  const [{ description, properties }] = nodes
  const invalid = properties.find((property) => property.name === 'invalid')?.value.value
  return { invalid: invalid === 'true', description: description?.value ?? '' }
}

/** The label of what has the focus. */
function focused(page) {
  return page.evaluate(() => document.activeElement.labels?.[0]?.textContent ?? document.activeElement.id)
}

/** The title or detail of the last answer, which has to be this problem. */
async function sentence(gateway, code) {
  const problem = JSON.parse(gateway.passed.at(-1).text)
  assert.equal(problem.code, code)
  return problem.detail ?? problem.title
}

/** The secret of a link is in no address, no history, no document, and in no request but in the body of its own. */
async function secret(context, page, link, watch) {
  const { pathname, hash } = new URL(link)
  const token = hash.slice(1)
  assert.ok(token.startsWith(prefixes[pathname]))
  assert.equal(page.url(), link.split('#')[0])
  assert.ok(!(await page.content()).includes(token))
  assert.equal(await page.evaluate(() => document.referrer + JSON.stringify(history.state)), 'null')
  const session = await context.newCDPSession(page)
  const { entries } = await session.send('Page.getNavigationHistory')
  await session.detach()
  assert.ok(entries.length >= 2)
  for (const { url, title } of entries) assert.ok(!`${url} ${title}`.includes(token), 'the history of the tab')
  for (const { headers } of watch.asked) assert.ok(!JSON.stringify(headers).includes(token))
}
