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
 * Gives jobs by their id, with one query for all that is asked for in one go: deliveries are claimed together, and each of them needs
 * its job at once.
 */
export function parentLoader(store: Pick<Store, 'get'>): (id: string) => Promise<Job | null> {
  const waiting: Call[] = []

  async function ask(calls: readonly Call[]): Promise<void> {
    try {
      const jobs = await store.get(
        allOwners,
        calls.map(({ id }) => id),
      )
      for (const [i, call] of calls.entries()) call.resolve(jobs[i] ?? null)
    } catch (error) {
      if (isPassing(error) || calls.length === 1) for (const call of calls) call.reject(error)
      // One that cannot be read must not take its neighbours along.
      else await Promise.all(calls.map((call) => ask([call])))
    }
  }

  return (id) =>
    new Promise((resolve, reject) => {
      waiting.push({ id, resolve, reject })
      // Behind all promises that are settled by now, so that whoever was claimed along has asked too; no turn of the loop is lost.
      if (waiting.length === 1) nextTick(() => void ask(waiting.splice(0)))
    })
}
