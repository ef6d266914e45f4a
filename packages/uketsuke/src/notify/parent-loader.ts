import { isPassing } from '../base/thrown.ts'
import { nextTick } from '../base/timers.ts'
import type { Job } from '../domain/job.ts'
import { allOwners, type Store } from '../store/port.ts'

interface Call {
  readonly id: string
  resolve(job: Job | null): void
  reject(error: unknown): void
}

/**
 * Loads jobs by id and batches concurrent calls into one query: deliveries are claimed together, and each of them needs its job
 * immediately.
 */
export function parentLoader(store: Pick<Store, 'get'>): (id: string) => Promise<Job | null> {
  const waiting: Call[] = []

  async function load(calls: readonly Call[]): Promise<void> {
    try {
      const jobs = await store.get(
        allOwners,
        calls.map(({ id }) => id),
      )
      for (const [i, call] of calls.entries()) call.resolve(jobs[i] ?? null)
    } catch (error) {
      if (isPassing(error) || calls.length === 1) for (const call of calls) call.reject(error)
      // Load one by one, so that an unreadable job fails only its own call.
      else await Promise.all(calls.map((call) => load([call])))
    }
  }

  return (id) =>
    new Promise((resolve, reject) => {
      waiting.push({ id, resolve, reject })
      // `nextTick` runs after the promises that are settled by now, so that all deliveries of the same claim are in the batch, and before
      // the event loop continues.
      if (waiting.length === 1) nextTick(() => void load(waiting.splice(0)))
    })
}
