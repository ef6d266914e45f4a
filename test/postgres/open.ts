import { createJobs, silentLog } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { atEnd } from '../jobs/setup.ts'

/** A job system on a database, closed at the end of the test. */
export function open<T extends Parameters<typeof createJobs>[0]['jobs']>(jobs: T, url: string) {
  const system = createJobs({ jobs, store: postgres(url), log: silentLog })
  atEnd(() => system.close())
  return system
}
