import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import type { Payload, Queue } from '../systems/port.ts'
import type { Tally } from '../tally.ts'

/** Brings a payload to about 100 bytes. */
const pad = 'x'.repeat(70)
export const payload = (n: number): Payload => ({ n, at: now(), pad })

/**
 * Keeps `concurrency` enqueue calls in flight, each awaited until its commit, for `seconds` or until there are `max` jobs.
 * @returns the number of the next job
 */
export async function enqueueConcurrently(
  queue: Queue,
  { concurrency, seconds, max }: { concurrency: number; seconds: number; max: number },
  from = 0,
): Promise<number> {
  const until = now() + seconds * 1_000
  let next = from
  const producer = async () => {
    while (next < max && now() < until) await queue.enqueue(payload(next++))
  }
  await Promise.all(Array.from({ length: concurrency }, producer))
  return next
}

/** Enqueues `jobs` jobs in bulk calls of 1,000. */
export async function fill(queue: Queue, jobs: number): Promise<void> {
  for (let n = 0; n < jobs; n += 1_000) {
    await queue.enqueueMany(Array.from({ length: Math.min(1_000, jobs - n) }, (_, i) => payload(n + i)))
  }
}

/** Waits until every job has run and is stored as finished. Returns the time at which the last check began. */
export async function allFinished(queue: Queue, tally: Tally, jobs: number): Promise<number> {
  await tally.reaches(jobs)
  for (;;) {
    const before = now()
    if ((await queue.counts()).unfinished === 0) return before
    await sleep(2)
  }
}

/** Starts a call every 50 ms, without waiting for the previous one, so that the system is otherwise idle. */
export async function every50ms(calls: number, call: (n: number) => Promise<unknown>): Promise<void> {
  const startedAt = now()
  const all: Promise<unknown>[] = []
  for (let n = 0; n < calls; n++) {
    all.push(call(n))
    await sleep(Math.max(0, startedAt + 50 * (n + 1) - now()))
  }
  await Promise.all(all)
}
