import type { Figures, Month } from '../figures.ts'
import type { Range } from '../range.ts'
import { contentWidth, ink, page, type Sheet } from '../sheet.ts'
import type { City, Weather } from '../weather.ts'
import { shortDate } from '../write.ts'

/** The data of all pages. */
export interface Report {
  readonly ticket: string
  readonly range: Range
  readonly weather: Weather
  readonly figures: Readonly<Record<City, Figures>>
  readonly months: Readonly<Record<City, readonly Month[]>>
}

export interface Page {
  readonly title: string
  /** One or two sentences below the title that explain the page. A page without them has no letterhead. */
  lead?(report: Report): string
  draw(sheet: Sheet, report: Report): void
}

/** The header and footer of every page except the cover. */
export function letterhead(
  sheet: Sheet,
  report: Report,
  title: string,
  lead: string,
  number: number,
  total: number,
): void {
  const { startDate, endDate } = report.range
  sheet.rect(page.left, 42, 20, 2, ink.seal)
  sheet.text(title, page.left, 74, { size: 19, weight: 'bold' })
  sheet.paragraph(lead, page.left, 84, contentWidth * 0.82, { size: 9.5 })
  sheet.rule(page.left, 798, page.right)
  const foot = { size: 7.5, color: ink.soft } as const
  sheet.text(`Seattle and New York, ${shortDate(startDate)} to ${shortDate(endDate)}`, page.left, 811, foot)
  sheet.text(`${number} / ${total}`, page.right, 811, { ...foot, align: 'right' })
}
