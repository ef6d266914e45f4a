/**
 * Notifies streams and long-polls when the process drains. Thousands of them wait for this one signal. With one listener each, adding a
 * listener would scan all existing ones, and Node.js warns of a leak from the eleventh on.
 */
export class Draining {
  readonly #signal: AbortSignal
  readonly #waiting = new Set<() => void>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => {
      for (const one of this.#waiting) one()
    })
  }

  /** Calls `fn` when the process drains, or immediately if it already drains. Returns a function that unsubscribes. */
  onDraining(fn: () => void): () => void {
    if (this.#signal.aborted) {
      fn()
      return () => {}
    }
    this.#waiting.add(fn)
    return () => void this.#waiting.delete(fn)
  }
}
