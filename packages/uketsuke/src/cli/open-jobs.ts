import { createJobs } from '../api/create-jobs.ts'
import { fromEnvironment } from '../api/environment.ts'
import type { Jobs } from '../api/jobs.ts'
import { silentLog } from '../base/log.ts'

/** Opens the store that the command line or the environment names, without any job types, for `act`. Resolves with the exit code. */
export async function openJobs(
  { store, schema }: { store?: string | undefined; schema?: string | undefined },
  act: (jobs: Jobs) => Promise<void>,
): Promise<number> {
  const engines = fromEnvironment({
    ...(store !== undefined && { file: store }),
    ...(schema !== undefined && { schema }),
  })
  const jobs = createJobs({ jobs: {}, log: silentLog, ...engines })
  try {
    await jobs.ready()
    await act(jobs)
    return 0
  } finally {
    await jobs.close()
  }
}
