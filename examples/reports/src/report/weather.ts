import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Range } from './range.ts'

/** Daily observations by NOAA, from the package `vega-datasets`, which derived the kind of weather from several NOAA fields. */
const file = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data/weather.csv')

export const cities = ['Seattle', 'New York'] as const
export const kinds = ['sun', 'fog', 'drizzle', 'rain', 'snow'] as const
export type City = (typeof cities)[number]
export type Kind = (typeof kinds)[number]

export interface Day {
  /** YYYY-MM-DD, so that dates can be compared as strings. */
  readonly date: string
  /** mm */
  readonly rain: number
  /** °C */
  readonly high: number
  readonly low: number
  /** m/s */
  readonly wind: number
  readonly kind: Kind
}

export type Weather = Readonly<Record<City, readonly Day[]>>

/** Reads the days of a range for each city, oldest first. */
export async function readWeather({ startDate, endDate }: Range): Promise<Weather> {
  const found: Record<City, Day[]> = { Seattle: [], 'New York': [] }
  const [header, ...lines] = (await readFile(file, 'utf8')).trim().split('\n')
  if (header !== 'location,date,precipitation,temp_max,temp_min,wind,weather') {
    throw new Error(`${file} has unexpected columns: ${header}`)
  }
  for (const line of lines) {
    const [city, date = '', rain, high, low, wind, kind] = line.split(',')
    if (date < startDate || date > endDate) continue
    const day = {
      date,
      rain: Number(rain),
      high: Number(high),
      low: Number(low),
      wind: Number(wind),
      kind: kind as Kind,
    }
    found[city as City].push(day)
  }
  return found
}
