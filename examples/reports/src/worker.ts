/** The worker's process: runs jobs until it is told to stop, or killed. */
import { openJobs } from './jobs.ts'
import { readSettings } from './settings.ts'

const jobs = openJobs(readSettings(process.env), 'worker')
await jobs.work({ concurrency: 2 })

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  await jobs.close()
  process.disconnect?.()
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
// The server is gone, however it went: nobody would stop this process.
process.on('disconnect', () => void stop())
