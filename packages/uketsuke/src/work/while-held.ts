import { type Clock, sleep } from '../base/clock.ts'
import { isPassing } from '../base/thrown.ts'
import type { HeldJob } from './lease.ts'

const longestWait = 5_000

/** Repeats a call to the store through an outage, as long as the attempt goes on. @throws its other errors, and why the attempt ended */
export async function whileHeld<T>(held: HeldJob, clock: Clock, call: () => Promise<T>): Promise<T> {
  for (let wait = 100; ; wait = Math.min(wait * 2, longestWait)) {
    try {
      return await call()
    } catch (error) {
      if (!isPassing(error)) throw error
      held.throwIfAborted()
      await sleep(clock, wait)
      held.throwIfAborted()
    }
  }
}
