import { randomFillSync } from 'node:crypto'
import { incrementBase32, ulid } from 'ulid'
import type { Clock } from './clock.ts'

/** Job ids: sortable by creation, and within one process by the order in which they were asked for. */
export function ulids(clock: Clock): () => string {
  const digits = random()
  let time = Number.NEGATIVE_INFINITY
  let last = ''
  return () => {
    const now = clock.now()
    // Of one millisecond, or where the time was set back: the next one up.
    last = now > time ? ulid(now, digits) : following(last)
    time = Math.max(now, time)
    return last
  }
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const next = new Map([...alphabet].map((digit, at) => [digit, alphabet[at + 1]]))

/** Nearly always only the last digit changes; ulid's own way writes out the time for each id anew, which takes ten times as long. */
function following(id: string): string {
  const digit = next.get(id.charAt(25))
  return digit === undefined ? incrementBase32(id) : id.slice(0, 25) + digit
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
