import type { JobContext } from 'uketsuke'

/** Beyond this, a run of some seconds on any machine. */
const block = 200_000

/**
 * Counts primes, without a pause and without a look at its signal: only a thread of its own keeps such a handler from holding up its worker,
 * and only killing that thread ends it early.
 */
export default function countPrimes({ input, progress }: JobContext<{ seconds: number }>) {
  const end = Date.now() + input.seconds * 1_000
  let primes = 0
  let below = 2
  for (let percent = 0; Date.now() < end; ) {
    for (const last = below + block; below < last; below++) if (isPrime(below)) primes++
    const now = Math.min(99, Math.floor(100 - (end - Date.now()) / input.seconds / 10))
    if (now > percent) progress(now, `${primes.toLocaleString('en')} primes so far`)
    percent = Math.max(percent, now)
  }
  return { primes, below }
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return true
}
