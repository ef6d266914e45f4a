import type { BatchView } from '@uketsuke/client'
import type { JobStatus } from './job.ts'
import { isoOrNull, isoTime } from './view.ts'

/** The jobs of a batch with the same status. */
export interface BatchPart {
  readonly status: JobStatus
  readonly count: number
  /** The sum of their versions. */
  readonly versions: number
  /** The sum of their progress. */
  readonly progress: number
  /** When the first was created, in milliseconds since the epoch. */
  readonly createdAt: number
  /** When the last ended. */
  readonly completedAt: number | null
}

/** The jobs that one call of `enqueueMany` has created. */
export interface Batch {
  readonly view: BatchView
  /** Increases with every change of one of its jobs. */
  readonly version: number
}

/** Null without jobs. */
export function batchOf(batchId: string, parts: readonly BatchPart[], base: string): Batch | null {
  if (parts.length === 0) return null
  const counts = { pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0 }
  let [total, done, version] = [0, 0, 0]
  for (const { status, count, versions, progress } of parts) {
    counts[status] += count
    total += count
    version += versions
    done += status === 'running' ? progress : status === 'pending' ? 0 : count * 100
  }
  const hasEnded = counts.pending + counts.running === 0
  const url = `${base}/batches/${batchId}`
  const view: BatchView = {
    batchId,
    total,
    ...counts,
    // Whole percents, and 100 exactly when all have ended.
    progress: hasEnded ? 100 : Math.min(99, Math.floor(done / total)),
    createdAt: isoTime(Math.min(...parts.map(({ createdAt }) => createdAt))),
    completedAt: hasEnded ? isoOrNull(Math.max(...parts.map(({ completedAt }) => Number(completedAt)))) : null,
    statusUrl: url,
    streamUrl: `${url}/stream`,
  }
  return { view, version }
}
