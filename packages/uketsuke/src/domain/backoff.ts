/** How long to wait before the next attempt. Milliseconds in and out; `random` is 0…1. */
export interface Backoff {
  /** The wait after the first failed attempt, in milliseconds. */
  readonly base: number
  /** Doubles with every attempt up to this many milliseconds. */
  readonly max: number
}

export const defaultBackoff: Backoff = { base: 1_000, max: 10 * 60_000 }

/** Exponential, with "equal jitter": half of the wait is certain, half is drawn, so that a herd spreads out. */
export function exponential({ base, max }: Backoff, attempt: number, random: number): number {
  // No power of two that is larger is waited for, and none may be infinite: 0 times that is no number.
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
 * The wait after failed delivery `attempt` (1 is the first): the schedule of Standard Webhooks with 0…+20 % jitter, but at least
 * `floor`, what the receiver asked for, which is honoured up to 24 hours.
 */
export function webhookBackoff(attempt: number, floor: number, random: number): number {
  const scheduled = deliveryWaits[Math.min(attempt, deliveryWaits.length) - 1] ?? deliveryWaits[0]
  return Math.max(Math.round(scheduled * (1 + 0.2 * random)), Math.min(floor, 24 * hours))
}
