import type { EstimateConfidence } from '@uketsuke/client'
import type { Job } from './job.ts'

/** How long the last runs of a job type took. */
export interface RunTimes {
  /** In milliseconds. */
  readonly median: number
  /** The distance of the quartiles, as a part of the median. */
  readonly spread: number
  readonly count: number
}

/** How many of the last runs of a type are kept. */
export const mostRunTimes = 200

/** Null without any. */
export function runTimesOf(durations: readonly number[]): RunTimes | null {
  if (durations.length === 0) return null
  const sorted = durations.toSorted((a, b) => a - b)
  const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))] as number
  const median = Math.max(1, at(0.5))
  return { median, spread: (at(0.75) - at(0.25)) / median, count: sorted.length }
}

export interface Estimate {
  /** When the job will complete, in milliseconds since the epoch. */
  readonly at: number
  readonly confidence: EstimateConfidence
}

/** Below this progress, a job says nothing about its speed. */
const leastProgress = 5

/** How far the own speed of a job at half of its progress is off, and the least that any history is, as a part of the duration. */
const [ownError, leastSpread] = [0.3, 0.1]

/**
 * When a running job will complete: by its own speed, and by what its type usually takes. Each counts by how sure it is: the own speed the
 * more the further the job is, the history the more the runs of the type are alike. Null if neither is known.
 */
export function estimate(
  { status, startedAt, progress }: Pick<Job, 'status' | 'startedAt' | 'progress'>,
  now: number,
  times: RunTimes | null,
): Estimate | null {
  if (status !== 'running' || startedAt === null) return null
  const elapsed = Math.max(0, now - startedAt)
  const own = progress < leastProgress ? null : (100 * elapsed) / progress
  // A run that takes longer than usual is about to end at any moment, as far as its type can tell.
  const usual = times === null ? null : Math.max(times.median, 1.05 * elapsed)
  if (own === null && usual === null) return null
  const weight = own === null ? 0 : times === null ? 1 : weightOfOwn(progress / 100, times.spread)
  const total = weight * (own ?? 0) + (1 - weight) * (usual ?? 0)
  return {
    at: Math.round(startedAt + Math.max(total, elapsed)),
    confidence: confidenceOf(own === null ? 0 : progress, times),
  }
}

/** Two measurements are weighted by the inverse of their variances. */
function weightOfOwn(done: number, spread: number): number {
  const own = ((1 - done) / done) * ownError
  const history = Math.max(leastSpread, spread)
  return history ** 2 / (own ** 2 + history ** 2)
}

function confidenceOf(progress: number, times: RunTimes | null): EstimateConfidence {
  const { count, spread } = times ?? { count: 0, spread: 1 }
  if (progress >= 50 || (count >= 20 && spread <= 0.2)) return 'high'
  return progress >= 20 || (count >= 5 && spread <= 0.5) ? 'medium' : 'low'
}
