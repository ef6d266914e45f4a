import type { Day, Kind } from './weather.ts'
import { kinds } from './weather.ts'

/** An extreme value and its first date. */
export interface Extreme {
  readonly value: number
  readonly date: string
}

export interface Figures {
  readonly days: number
  /** The mean of the daily means. As at NOAA, a daily mean is the midpoint between low and high. */
  readonly mean: number
  readonly meanHigh: number
  readonly meanLow: number
  readonly warmest: Extreme
  readonly coldest: Extreme
  readonly rain: number
  /** Days with at least 1 mm, the usual threshold. */
  readonly wetDays: number
  readonly wettest: Extreme
  /** The longest run of days with less than 1 mm. */
  readonly longestDry: number
  readonly wind: number
  readonly windiest: Extreme
  readonly kinds: Readonly<Record<Kind, number>>
}

export interface Month {
  /** YYYY-MM */
  readonly month: string
  readonly days: readonly Day[]
  readonly figures: Figures
}

export const isWet = (day: Day) => day.rain >= 1
export const midpoint = (day: Day) => (day.high + day.low) / 2

export function figures(days: readonly Day[]): Figures {
  return {
    days: days.length,
    mean: mean(days.map(midpoint)),
    meanHigh: mean(days.map((day) => day.high)),
    meanLow: mean(days.map((day) => day.low)),
    warmest: most(days, (day) => day.high),
    coldest: negated(most(days, (day) => -day.low)),
    rain: sum(days.map((day) => day.rain)),
    wetDays: days.filter(isWet).length,
    wettest: most(days, (day) => day.rain),
    longestDry: longestRun(days, (day) => !isWet(day)),
    wind: mean(days.map((day) => day.wind)),
    windiest: most(days, (day) => day.wind),
    kinds: countKinds(days),
  }
}

export function months(days: readonly Day[]): Month[] {
  const byMonth = new Map<string, Day[]>()
  for (const day of days) {
    const month = day.date.slice(0, 7)
    const known = byMonth.get(month)
    if (known) known.push(day)
    else byMonth.set(month, [day])
  }
  return [...byMonth].map(([month, days]) => ({ month, days, figures: figures(days) }))
}

function countKinds(days: readonly Day[]): Record<Kind, number> {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>
  for (const day of days) counts[day.kind]++
  return counts
}

export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]) => sum(values) / values.length
const negated = ({ value, date }: Extreme): Extreme => ({ value: -value, date })

function most(days: readonly Day[], of: (day: Day) => number): Extreme {
  let best: Extreme = { value: Number.NEGATIVE_INFINITY, date: '' }
  for (const day of days) if (of(day) > best.value) best = { value: of(day), date: day.date }
  return best
}

function longestRun(days: readonly Day[], holds: (day: Day) => boolean): number {
  let longest = 0
  let run = 0
  for (const day of days) {
    run = holds(day) ? run + 1 : 0
    longest = Math.max(longest, run)
  }
  return longest
}
