import { now } from './clock.ts'
import type { Counts, Payload } from './systems/port.ts'

/** Counts handler runs and distinct jobs: a result is valid only if every job ran exactly once. */
export class Tally {
  #seen = new Uint8Array(1 << 16)
  /** Handler runs. */
  runs = 0
  /** When the first handler ran. */
  firstAt = Number.NaN
  /** Distinct jobs among them. */
  distinct = 0
  #wanted = Number.POSITIVE_INFINITY
  #reached: () => void = () => {}

  mark({ n }: Payload): void {
    if (this.runs++ === 0) this.firstAt = now()
    // The negative numbers of seeded jobs get the odd indices.
    const index = n >= 0 ? 2 * n : -2 * n - 1
    if (index >= this.#seen.length) {
      const larger = new Uint8Array(2 * index)
      larger.set(this.#seen)
      this.#seen = larger
    }
    if (this.#seen[index] === 0) this.distinct++
    this.#seen[index] = 1
    if (this.runs >= this.#wanted) this.#reached()
  }

  /** Resolves after `wanted` handler runs. */
  reaches(wanted: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = wanted
      this.#reached = resolve
      if (this.runs >= wanted) resolve()
    })
  }
}

export interface RunCounts extends Counts {
  readonly runs: number
  readonly distinct: number
}

export const runCounts = ({ runs, distinct }: Tally, counts: Counts): RunCounts => ({ runs, distinct, ...counts })

/** @throws if a job was lost, ran twice, or has not finished */
export function exactlyOnce(expected: number, { runs, distinct, unfinished, completed }: RunCounts): void {
  const errors: string[] = []
  if (distinct !== expected) errors.push(`${expected - distinct} of ${expected} jobs never ran`)
  if (runs !== distinct) errors.push(`duplicate runs: ${runs - distinct}`)
  if (unfinished !== 0) errors.push(`unfinished jobs: ${unfinished}`)
  if (completed !== null && completed !== expected) {
    errors.push(`completed jobs: ${completed}, expected ${expected}`)
  }
  if (errors.length > 0) throw new Error(errors.join('; '))
}
