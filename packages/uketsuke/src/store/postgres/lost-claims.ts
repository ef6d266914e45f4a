import { performance } from '../../base/timers.ts'

/**
 * How long after its lease a lost claim is still searched for, in milliseconds, because its statement may have run
 * late.
 */
const slack = 60_000

/**
 * The tokens of claims whose responses were lost. Their jobs belong to this process and are searched for while a lease
 * may be valid.
 */
export class LostClaims {
  readonly #until = new Map<string, number>()

  add(claimToken: string, leaseMs: number): void {
    this.#until.set(claimToken, performance.now() + leaseMs + slack)
  }

  tokens(): string[] {
    const now = performance.now()
    for (const [token, until] of this.#until) if (until < now) this.#until.delete(token)
    return [...this.#until.keys()]
  }
}
