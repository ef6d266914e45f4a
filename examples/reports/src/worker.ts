/** The worker process: runs jobs until it is stopped or killed. */
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
// The server has exited, so nothing else would stop this process.
process.on('disconnect', () => void stop())
