/**
 * Tells everything that waits when the process drains. Thousands of streams wait for this one signal: with a listener each, adding one
 * would walk over all of them, and Node warns of a leak from the eleventh on.
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

  /** Calls `fn` when the process drains, or at once where it drains already. The returned function takes that back. */
  onDraining(fn: () => void): () => void {
    if (this.#signal.aborted) {
      fn()
      return () => {}
    }
    this.#waiting.add(fn)
    return () => void this.#waiting.delete(fn)
  }
}
