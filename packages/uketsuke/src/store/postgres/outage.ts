/** How long calls keep trying to reach the server, in milliseconds; longer if a write may have been committed. */
const retryTime = 5_000
const retryTimeInDoubt = 20_000
/** Failures further apart than this, in milliseconds, belong to different outages. */
const sameOutage = 1_000

/** Decides when to stop trying to reach a server. All calls during one outage share the time limit. */
export class Outage {
  #since = 0
  #failedAt = Number.NEGATIVE_INFINITY

  /**
   * Records a failure at `now`, in milliseconds of a monotonic clock. Returns whether the outage has lasted too long to
   * retry.
   */
  tooLong(now: number, inDoubt: boolean): boolean {
    if (now - this.#failedAt > sameOutage) this.#since = now
    this.#failedAt = now
    return now - this.#since > (inDoubt ? retryTimeInDoubt : retryTime)
  }

  /** Records a successful call. */
  over(): void {
    this.#failedAt = Number.NEGATIVE_INFINITY
  }
}
