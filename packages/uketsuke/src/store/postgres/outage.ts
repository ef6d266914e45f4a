/** How long a verb goes on trying to reach the server, in milliseconds; longer where it must learn what became of a write. */
const patience = 5_000
const patienceInDoubt = 20_000
/** Two failures that lie further apart, in milliseconds, are not of one outage. */
const sameOutage = 1_000

/** When to stop trying to reach a server. While it is down, verbs behind one another do not each wait anew. */
export class Outage {
  #since = 0
  #failedAt = Number.NEGATIVE_INFINITY

  /** A verb failed at `now`, in milliseconds of any steady clock: has the outage lasted too long to try again? */
  tooLong(now: number, inDoubt: boolean): boolean {
    if (now - this.#failedAt > sameOutage) this.#since = now
    this.#failedAt = now
    return now - this.#since > (inDoubt ? patienceInDoubt : patience)
  }

  /** A verb was answered. */
  over(): void {
    this.#failedAt = Number.NEGATIVE_INFINITY
  }
}
