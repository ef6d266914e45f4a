import { type Clock, sleep } from './clock.ts'
import type { Log } from './log.ts'

interface Task {
  clock: Clock
  log: Log
  intervalMs: number
  /** For the log, as in "rescuing jobs". */
  name: string
}

/** Runs `work` again and again until `signal` aborts. The first of several failures in a row is logged. */
export async function periodically(task: Task, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const { clock, log, intervalMs, name } = task
  let failing = false
  while (!signal.aborted) {
    try {
      await work()
      failing = false
    } catch (error) {
      if (!failing) log.warn({ err: error }, `${name} failed; retrying`)
      failing = true
    }
    // Jittered, so that many processes do not all query the store at once.
    await sleep(clock, intervalMs * (0.5 + Math.random()), signal)
  }
}
