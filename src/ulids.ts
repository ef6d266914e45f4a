import { randomFillSync } from 'node:crypto'
import { monotonicFactory } from 'ulid'
import type { Clock } from './clock.ts'

/** Job ids: sortable by creation, and within one process by the order in which they were asked for. */
export function ulids(clock: Clock): () => string {
  const next = monotonicFactory(random())
  return () => next(clock.now())
}

/** 0 ≤ x < 1, from the system's generator. It is asked for 4 KiB at a time: ulid's own way asks for every character. */
function random(): () => number {
  const pool = new Uint8Array(4_096)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    return (pool[used++] ?? 0) / 256
  }
}
