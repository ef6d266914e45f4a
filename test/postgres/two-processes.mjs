/** A process of `two-processes.test.ts`: a worker, or a client that enqueues with the same keys as others. The argument selects it, in JSON. */
import { createJobs, job, silentLog } from 'uketsuke'
import { postgres } from 'uketsuke/postgres'

const { url, enqueue } = JSON.parse(process.argv[2])
const anything = { '~standard': { version: 1, vendor: 'tests', validate: (value) => ({ value }) } }
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const types = {
  quick: job({ input: anything, run: ({ jobId }) => void process.send({ ran: jobId }) }),
  /** Reports the current time as progress, so that a reader can compute the latency. */
  clock: job({
    input: anything,
    run: async ({ progress, input }) => {
      for (let n = 1; n <= input.times; n++) {
        await pause(150)
        progress(n, String(Date.now()))
      }
    },
  }),
}
const jobs = createJobs({ jobs: types, store: postgres(url), log: silentLog })
await jobs.ready()
if (enqueue !== undefined) {
  const keys = Array.from({ length: enqueue }, (_, i) => `key-${i}`)
  const made = await Promise.all(keys.map((key) => jobs.enqueue('quick', { key }, { idempotencyKey: key })))
  await new Promise((resolve) => process.send({ made: made.map(({ jobId }) => jobId) }, resolve))
  await jobs.close()
  process.disconnect()
} else {
  await jobs.work({ concurrency: 10 })
  process.send({ ready: true })
  process.on('disconnect', () => void jobs.close())
}
