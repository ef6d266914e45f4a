import type { Figures } from '../figures.ts'
import { cityInk, ink, page, type Sheet } from '../sheet.ts'
import { cities } from '../weather.ts'
import { monthName, number } from '../write.ts'
import type { Page } from './page.ts'

const columns: readonly (readonly [name: string, unit: string, value: (figures: Figures) => string])[] = [
  ['mean', '°C', (f) => number(f.mean)],
  ['low', '°C', (f) => number(f.coldest.value)],
  ['high', '°C', (f) => number(f.warmest.value)],
  ['rain', 'mm', (f) => number(f.rain, 0)],
  ['wet', 'days', (f) => number(f.wetDays, 0)],
]
const step = 36

export const byMonth: Page = {
  title: 'Month by month',
  lead: () =>
    'Mean, lowest and highest temperature, precipitation and wet days of each month, for the days in the range.',
  draw(sheet, report) {
    const start = { Seattle: 166, 'New York': 362 }
    for (const city of cities) head(sheet, city, start[city])
    sheet.rule(page.left, 160, page.right, ink.text, 0.8)
    const { Seattle, 'New York': newYork } = report.months
    // At most 48 months fit on the page. Fewer months get more space.
    const height = Math.min(22, 610 / Seattle.length)
    Seattle.forEach(({ month, figures }, index) => {
      const y = 160 + height * (index + 0.68)
      if (index % 2 === 1) sheet.rect(page.left - 6, y - height * 0.68, page.right - page.left + 12, height, ink.faint)
      sheet.text(monthName(month), page.left, y, { size: 8.5, weight: month.endsWith('-01') ? 'bold' : 'regular' })
      row(sheet, figures, start.Seattle, y)
      row(sheet, newYork[index]!.figures, start['New York'], y)
    })
  },
}

function head(sheet: Sheet, city: (typeof cities)[number], x: number): void {
  sheet.text(city, x + step - 26, 134, { size: 10, weight: 'bold', color: cityInk[city].strong })
  columns.forEach(([name, unit], index) => {
    const right = x + step * (index + 1)
    sheet.text(`${name} ${unit}`, right, 152, { size: 7, color: ink.soft, align: 'right' })
  })
}

function row(sheet: Sheet, figures: Figures, x: number, y: number): void {
  columns.forEach(([, , value], index) => {
    sheet.text(value(figures), x + step * (index + 1), y, { size: 8.5, align: 'right' })
  })
}
