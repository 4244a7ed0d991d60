// What Segment's Dotdigital destination does: every action once, and what each answered, as JSON.
// Arguments: the folder it was fetched into, and the settings and payloads as JSON.
const path = require('node:path')

const home = process.argv[2]
const { settings, payloads } = JSON.parse(process.argv[3])
const { createRequestClient } = require(path.join(home, 'node_modules/@segment/actions-core'))
const destination = require(path.join(home, 'destinations/dotdigital')).default

async function main() {
  const request = createRequestClient(destination.extendRequest({ settings }))
  const told = { authentication: (await destination.authentication.testAuthentication(request, { settings })).status }
  for (const [action, payload] of payloads) {
    try {
      const answer = await destination.actions[action].perform(request, { settings, payload })
      told[action] = (told[action] || []).concat(answer && answer.status ? answer.status : 'done')
    } catch (error) {
      const reply = error.response
      told[action] = (told[action] || []).concat(`${error.message} ${reply ? JSON.stringify(reply.data) : ''}`)
    }
  }
  process.stdout.write(JSON.stringify(told))
}

main().catch((error) => { console.error(error); process.exit(1) })
