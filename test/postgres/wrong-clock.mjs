/** A process of `skew.test.ts`, started with a wrong clock. */
import { createJobs, job, silentLog } from 'uketsuke'
import { postgres } from 'uketsuke/postgres'

const url = process.argv[2]
const skew = process.env.CLOCK_SKEW
const anything = { '~standard': { version: 1, vendor: 'tests', validate: (value) => ({ value }) } }
const fail = () => {
  throw new Error('as it is meant to')
}
const types = {
  quick: job({ input: anything, run: () => 'done' }),
  failing: job({ input: anything, maxAttempts: 2, backoff: { base: 100_000, max: 100_000 }, run: fail }),
}
const jobs = createJobs({ jobs: types, store: postgres(url), log: silentLog, lease: 5_000 })
await jobs.ready()
const owner = 'ann'
const made = {
  now: await jobs.enqueue('quick', {}, { owner }),
  later: await jobs.enqueue('quick', {}, { owner, delay: 60_000 }),
  keyed: await jobs.enqueue('quick', {}, { owner, delay: 60_000, idempotencyKey: `key-${skew}` }),
  failing: await jobs.enqueue('failing', {}, { owner }),
}
await jobs.work()
process.send(Object.fromEntries(Object.entries(made).map(([name, { jobId }]) => [name, jobId])))
process.on('disconnect', () => void jobs.close())
