import type { Counts, Payload } from './systems/port.ts'

/** Which jobs ran: every number once, or the run does not count. */
export class Tally {
  #seen = new Uint8Array(1 << 16)
  /** Handler runs. */
  runs = 0
  /** Different jobs among them. */
  distinct = 0
  #wanted = Number.POSITIVE_INFINITY
  #reached: () => void = () => {}

  mark({ n }: Payload): void {
    this.runs++
    // Jobs from before the run, which `seed` numbers below zero, are told apart by the runs alone.
    const at = n >= 0 ? 2 * n : -2 * n - 1
    if (at >= this.#seen.length) {
      const larger = new Uint8Array(2 * at)
      larger.set(this.#seen)
      this.#seen = larger
    }
    if (this.#seen[at] === 0) this.distinct++
    this.#seen[at] = 1
    if (this.runs >= this.#wanted) this.#reached()
  }

  /** Resolves once that many have run. */
  reaches(wanted: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = wanted
      this.#reached = resolve
      if (this.runs >= wanted) resolve()
    })
  }
}

export interface Ran extends Counts {
  readonly runs: number
  readonly distinct: number
}

export const ran = ({ runs, distinct }: Tally, counts: Counts): Ran => ({ runs, distinct, ...counts })

/** @throws where a job was lost, ran twice, or has not ended */
export function exactlyOnce(expected: number, { runs, distinct, waiting, ended }: Ran): void {
  const wrong: string[] = []
  if (distinct !== expected) wrong.push(`${expected - distinct} of ${expected} jobs never ran`)
  if (runs !== distinct) wrong.push(`${runs - distinct} runs too many`)
  if (waiting !== 0) wrong.push(`${waiting} have not ended`)
  if (ended !== null && ended !== expected) wrong.push(`${ended} are kept as completed, not ${expected}`)
  if (wrong.length > 0) throw new Error(wrong.join('; '))
}
