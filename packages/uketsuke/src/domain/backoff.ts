/** Exponential backoff between the attempts of a job. Times are in milliseconds. */
export interface Backoff {
  /** Wait after the first failed attempt, in milliseconds. */
  readonly base: number
  /** Upper limit of the wait, which doubles with every attempt, in milliseconds. */
  readonly max: number
}

export const defaultBackoff: Backoff = { base: 1_000, max: 10 * 60_000 }

/**
 * Milliseconds to wait after failed attempt `attempt` (the first is 1). Exponential with "equal jitter": half of the
 * wait is fixed and half is random, which spreads out retries of jobs that failed together. `random` is 0…1.
 */
export function exponential({ base, max }: Backoff, attempt: number, random: number): number {
  // The cap keeps the power finite: with a base of 0, 0 × Infinity would be NaN. No wait needs a larger power.
  const wait = Math.min(max, base * 2 ** Math.min(attempt - 1, 50))
  return Math.round(wait / 2 + (wait / 2) * random)
}

const seconds = 1_000
const minutes = 60 * seconds
const hours = 60 * minutes

const deliveryWaits = [
  5 * seconds,
  5 * minutes,
  30 * minutes,
  2 * hours,
  5 * hours,
  10 * hours,
  14 * hours,
  20 * hours,
  24 * hours,
] as const

/**
 * Milliseconds to wait after failed delivery attempt `attempt` (the first is 1): the Standard Webhooks schedule with
 * 0…+20 % jitter, and at least `floor`, the wait that the receiver requested, capped at 24 hours. `random` is 0…1.
 */
export function webhookBackoff(attempt: number, floor: number, random: number): number {
  const scheduled = deliveryWaits[Math.min(attempt, deliveryWaits.length) - 1] ?? deliveryWaits[0]
  return Math.max(Math.round(scheduled * (1 + 0.2 * random)), Math.min(floor, 24 * hours))
}
