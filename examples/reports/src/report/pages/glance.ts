import type { Figures } from '../figures.ts'
import { cityInk, ink, page, type Sheet } from '../sheet.ts'
import { cities } from '../weather.ts'
import { dayCount, degrees, metresPerSecond, millimetres, number, shortDate } from '../write.ts'
import type { Page, Report } from './page.ts'

type Row = readonly [name: string, value: (figures: Figures) => string, note?: (figures: Figures) => string]

const groups: readonly (readonly [title: string, rows: readonly Row[]])[] = [
  [
    'Temperature',
    [
      ['Mean', (f) => degrees(f.mean)],
      ['Mean daily high', (f) => degrees(f.meanHigh)],
      ['Mean daily low', (f) => degrees(f.meanLow)],
      ['Highest', (f) => degrees(f.warmest.value), (f) => shortDate(f.warmest.date)],
      ['Lowest', (f) => degrees(f.coldest.value), (f) => shortDate(f.coldest.date)],
    ],
  ],
  [
    'Precipitation',
    [
      ['Total', (f) => millimetres(f.rain)],
      ['Wet days', (f) => dayCount(f.wetDays), (f) => `${share(f.wetDays, f.days)} of all days`],
      [
        'Wettest day',
        (f) => `${number(f.wettest.value)} mm`,
        (f) => (f.wettest.value > 0 ? shortDate(f.wettest.date) : 'no rain'),
      ],
      ['Longest dry period', (f) => dayCount(f.longestDry)],
    ],
  ],
  [
    'Wind and sky',
    [
      ['Mean wind', (f) => metresPerSecond(f.wind)],
      ['Windiest day', (f) => metresPerSecond(f.windiest.value), (f) => shortDate(f.windiest.date)],
      ['Sunny', (f) => dayCount(f.kinds.sun), (f) => share(f.kinds.sun, f.days)],
      [
        'Rain or drizzle',
        (f) => dayCount(f.kinds.rain + f.kinds.drizzle),
        (f) => share(f.kinds.rain + f.kinds.drizzle, f.days),
      ],
      ['Snow', (f) => dayCount(f.kinds.snow), (f) => share(f.kinds.snow, f.days)],
    ],
  ],
]

const share = (part: number, whole: number) => `${number((100 * part) / whole, 0)} %`

export const glance: Page = {
  title: 'At a glance',
  lead({ figures }) {
    const [seattle, newYork] = [figures.Seattle, figures['New York']]
    const warmth = compare('warmer', seattle.mean, newYork.mean, 1, degrees)
    const wetness = compare('wetter', seattle.rain, newYork.rain, 0, millimetres)
    return `${warmth} ${wetness} A wet day has at least 1 mm. A daily mean is the midpoint between low and high.`
  },
  draw(sheet, report) {
    const columns = { Seattle: 330, 'New York': page.right }
    for (const city of cities) {
      sheet.text(city, columns[city], 150, { size: 11, weight: 'bold', color: cityInk[city].strong, align: 'right' })
    }
    let y = 150
    for (const [title, rows] of groups) {
      sheet.text(title, page.left, y, { size: 11, weight: 'bold' })
      sheet.rule(page.left, y + 9, page.right, ink.text, 0.8)
      for (const row of rows) {
        y += 32
        drawRow(sheet, report, row, y - 1, columns)
      }
      y += 56
    }
  },
}

function drawRow(
  sheet: Sheet,
  { figures }: Report,
  [name, value, note]: Row,
  y: number,
  columns: Record<string, number>,
): void {
  sheet.text(name, page.left, y, { size: 10, color: ink.soft })
  for (const city of cities) {
    const x = columns[city]!
    sheet.text(value(figures[city]), x - 92, y, { size: 12, align: 'right' })
    if (note) sheet.text(note(figures[city]), x, y, { size: 8.5, color: ink.soft, align: 'right' })
  }
  sheet.rule(page.left, y + 10, page.right)
}

/** Compares the rounded figures, so that the difference matches the printed values. */
function compare(
  word: string,
  seattle: number,
  newYork: number,
  decimals: 0 | 1,
  write: (value: number) => string,
): string {
  const difference = Number(seattle.toFixed(decimals)) - Number(newYork.toFixed(decimals))
  if (difference === 0) return `Neither city was ${word}.`
  return `${difference > 0 ? 'Seattle' : 'New York'} was ${word} by ${write(Math.abs(difference))}.`
}
