import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { periodically } from '../base/periodically.ts'
import { filesOf } from '../domain/file.ts'
import type { Job } from '../domain/job.ts'
import { allOwners, type Store } from '../store/port.ts'
import type { FileStorage } from './port.ts'

interface Parts {
  files: FileStorage
  store: Pick<Store, 'get'>
  clock: Clock
  log: Log
}

const page = 500
const intervalMs = 30 * 60_000

/** Sweeps about twice an hour, until `signal` aborts. */
export async function sweepRegularly(
  { files, ...parts }: Omit<Parts, 'files'> & { files: FileStorage | null },
  signal: AbortSignal,
): Promise<void> {
  if (files === null) return
  await periodically({ ...parts, intervalMs, name: 'removing files that no job lists' }, signal, async () => {
    const runs = await sweepFiles({ ...parts, files }, signal)
    if (runs > 0) parts.log.info({ runs }, 'removed files that no job lists')
  })
}

/**
 * Removes the files that no job lists and no handler may still write: of jobs that were deleted, and of runs that failed or died. Resolves
 * with the number of the runs. The jobs are read after the list, so that what they say is newer than what was found.
 */
export async function sweepFiles(
  { files, store }: Pick<Parts, 'files' | 'store'>,
  signal: AbortSignal,
): Promise<number> {
  let removed = 0
  for (let after: string | null = null; !signal.aborted; ) {
    const found = await files.list(after, page)
    const ids = [...found.keys()]
    if (ids.length === 0) break
    const jobs = await store.get(allOwners, ids)
    for (const [i, jobId] of ids.entries()) {
      const runs = found.get(jobId) ?? []
      const job = jobs[i] ?? null
      const over = runs.filter((run) => job === null || isOver(job, run))
      // Never all of a job that exists: a run may have begun since the list was read.
      for (const run of over) await files.remove(jobId, run)
      if (job === null) await files.remove(jobId)
      removed += over.length
    }
    after = ids.at(-1) ?? null
  }
  return removed
}

/** A run of an earlier attempt is over. One of the present attempt may have been given back, and is over at the latest when the job ends. */
function isOver(job: Job, run: string): boolean {
  if (job.completedAt !== null) return !filesOf(job).some((file) => file.run === run)
  const attempt = Number.parseInt(run, 10)
  return job.status === 'running' ? attempt < job.attempt : attempt <= job.attempt
}
