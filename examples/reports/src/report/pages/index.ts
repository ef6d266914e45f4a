import type { Month } from '../figures.ts'
import { cover } from './cover.ts'
import { daily } from './daily.ts'
import { glance } from './glance.ts'
import { byMonth } from './months.ts'
import type { Page } from './page.ts'
import { precipitation } from './precipitation.ts'
import { sky } from './sky.ts'
import { temperature } from './temperature.ts'
import { wind } from './wind.ts'

/** The pages of a report in order: seven pages, then the daily records of each month. */
export function contents(months: readonly Month[]): Page[] {
  return [cover, glance, temperature, precipitation, wind, sky, byMonth, ...months.map(({ month }) => daily(month))]
}
