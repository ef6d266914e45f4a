import { randomFillSync } from 'node:crypto'
import { incrementBase32, ulid } from 'ulid'
import type { Clock } from './clock.ts'

/** Generates job ids. They sort by creation time and, within one process, by the order in which they were generated. */
export function ulids(clock: Clock): () => string {
  const digits = random()
  let time = Number.NEGATIVE_INFINITY
  let last = ''
  return () => {
    const now = clock.now()
    // Within one millisecond, or after the clock was set back: increment the last id.
    last = now > time ? ulid(now, digits) : following(last)
    time = Math.max(now, time)
    return last
  }
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const next = new Map([...alphabet].map((digit, at) => [digit, alphabet[at + 1]]))

/**
 * Usually only the last digit changes. The increment of `ulid` itself encodes the time again for each id and is ten
 * times slower.
 */
function following(id: string): string {
  const digit = next.get(id.charAt(25))
  return digit === undefined ? incrementBase32(id) : id.slice(0, 25) + digit
}

/**
 * 0 ≤ x < 1 from the system's secure generator, read in blocks of 4 KiB. By default, `ulid` reads it for every
 * character.
 */
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
