/** A process of `sync.test.ts`: serves the jobs API on a SQLite file. */
import { createServer } from 'node:http'
import { createJobs, job, silentLog, sqlite } from 'uketsuke'
import { nodeListener } from 'uketsuke/node'

const anything = { '~standard': { version: 1, vendor: 'tests', validate: (value) => ({ value }) } }
const jobs = createJobs({
  jobs: { quick: job({ input: anything, run: () => 1 }) },
  store: sqlite(process.argv[2]),
  authenticate: () => ({ owner: 'ann' }),
  log: silentLog,
})
await jobs.ready()
const server = createServer(nodeListener(jobs)).listen(0, '127.0.0.1', () => console.log(server.address().port))
