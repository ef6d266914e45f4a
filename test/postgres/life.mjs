/** A process of `life.test.ts`: it only enqueues, or runs a worker that stops on SIGTERM. */
import { createJobs, job, silentLog } from 'uketsuke'
import { postgres } from 'uketsuke/postgres'

const [what, url] = process.argv.slice(2)
const anything = { '~standard': { version: 1, vendor: 'tests', validate: (value) => ({ value }) } }
const jobs = createJobs({
  jobs: { quick: job({ input: anything, run: () => 1 }) },
  store: postgres(url),
  log: silentLog,
})
await jobs.enqueue('quick', {}, { owner: 'ann' })
if (what === 'worker') await jobs.work({ stopOn: ['SIGTERM'] })
console.log('ready')
