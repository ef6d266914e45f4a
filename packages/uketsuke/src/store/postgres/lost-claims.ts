import { performance } from '../../base/timers.ts'

/** How much longer than a lease a claim is looked for, in milliseconds: its statement may still have been under way. */
const slack = 60_000

/** Claims whose answers were lost: what they got is this process's, and is looked for by their marks for as long as its lease may stand. */
export class LostClaims {
  readonly #until = new Map<string, number>()

  add(mark: string, leaseMs: number): void {
    this.#until.set(mark, performance.now() + leaseMs + slack)
  }

  marks(): string[] {
    const now = performance.now()
    for (const [mark, until] of this.#until) if (until < now) this.#until.delete(mark)
    return [...this.#until.keys()]
  }
}
