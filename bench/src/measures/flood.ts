import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import type { Payload, Queue } from '../systems/port.ts'
import type { Tally } from '../tally.ts'

/** The pad makes a payload of about a hundred bytes. */
const pad = 'x'.repeat(70)
export const payload = (n: number): Payload => ({ n, at: now(), pad })

/** So many enqueues at once, each awaited to its commit, until the time is over or there are `most`. Gives the number of jobs. */
export async function flood(
  queue: Queue,
  at: { once: number; seconds: number; most: number },
  from = 0,
): Promise<number> {
  const until = now() + at.seconds * 1_000
  let next = from
  const one = async () => {
    while (next < at.most && now() < until) await queue.enqueue(payload(next++))
  }
  await Promise.all(Array.from({ length: at.once }, one))
  return next
}

/** In calls of 1,000, by the system's own way to enqueue many. */
export async function fill(queue: Queue, jobs: number): Promise<void> {
  for (let n = 0; n < jobs; n += 1_000) {
    await queue.bulk(Array.from({ length: Math.min(1_000, jobs - n) }, (_, i) => payload(n + i)))
  }
}

/** Until every job has run, and is stored as ended. Gives the time at which it was seen to be so. */
export async function allEnded(queue: Queue, tally: Tally, jobs: number): Promise<number> {
  await tally.reaches(jobs)
  for (;;) {
    const before = now()
    if ((await queue.counts()).waiting === 0) return before
    await sleep(2)
  }
}

/** One enqueue every 50 ms, whether or not the one before is through: what an idle system sees. */
export async function every50ms(samples: number, one: (n: number) => Promise<unknown>): Promise<void> {
  const began = now()
  const all: Promise<unknown>[] = []
  for (let n = 0; n < samples; n++) {
    all.push(one(n))
    await sleep(Math.max(0, began + 50 * (n + 1) - now()))
  }
  await Promise.all(all)
}
