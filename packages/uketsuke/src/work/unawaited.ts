/** The calls of a handler, which need not await them: an error that the handler does not get is thrown at its end. */
export class Unawaited {
  readonly #calls = new Map<Call<unknown>, Promise<unknown>>()

  add<T>(run: Promise<T>): Promise<T> {
    const call = new Call<T>((resolve) => resolve(run))
    this.#calls.set(call, run)
    // An unhandled rejection would end the process.
    const failed = () => {}
    run.then(() => this.#calls.delete(call), failed)
    Promise.prototype.then.call(call, undefined, failed)
    return call
  }

  /** Waits for all calls, also for those that begin meanwhile. @throws the error of one that was not awaited */
  async settled(): Promise<void> {
    for (const [call, run] of this.#calls) {
      await run.catch((error: unknown) => {
        if (!call.isAwaited) throw error
      })
    }
  }
}

class Call<T> extends Promise<T> {
  /** What is derived from a call is an ordinary promise. */
  static override readonly [Symbol.species] = Promise
  isAwaited = false

  // biome-ignore lint/suspicious/noThenProperty: `await` calls it, which tells that somebody waits.
  override then: Promise<T>['then'] = (...handlers) => {
    this.isAwaited = true
    return super.then(...handlers)
  }
}
