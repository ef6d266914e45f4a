import { strokes, ticks, valueAxis } from '../charts.ts'
import type { Month } from '../figures.ts'
import { cityInk, contentWidth, ink, kindInk, page, type Sheet } from '../sheet.ts'
import { cities, type Day } from '../weather.ts'
import { degrees, millimetres, monthName, number, weekday } from '../write.ts'
import type { Page, Report } from './page.ts'

/** The daily records of a month, with a row for each day. */
export function daily(month: string): Page {
  const ofMonth = (report: Report) => cities.map((city) => report.months[city].find((other) => other.month === month)!)
  return {
    title: monthName(month),
    lead(report) {
      const summaries = ofMonth(report).map(
        ({ figures }, index) => `${cities[index]} had ${degrees(figures.mean)} and ${millimetres(figures.rain)}`,
      )
      return `${summaries.join('; ')}. Each bar shows a day's low and high.`
    },
    draw(sheet, report) {
      const both = ofMonth(report)
      const half = contentWidth / 2
      const values = ticks(
        both.flatMap(({ days }) => days.flatMap((day) => [day.low, day.high])),
        3,
      )
      both.forEach((one, index) => {
        const x = page.left + index * (half + 8)
        strip(sheet, one, index, values, x, half - 8)
        table(sheet, one.days, x, half - 8)
      })
    },
  }
}

function strip(
  sheet: Sheet,
  { days }: Month,
  index: number,
  values: readonly number[],
  x: number,
  width: number,
): void {
  const city = cities[index]!
  sheet.text(city, x, 132, { size: 11, weight: 'bold', color: cityInk[city].strong })
  const frame = { x: x + 20, y: 150, width: width - 20, height: 66 }
  const y = valueAxis(sheet, frame, values, '')
  const step = frame.width / 31
  const at = (day: Day) => frame.x + (Number(day.date.slice(8)) - 0.5) * step
  strokes(
    sheet,
    days.map((day) => [at(day), y(day.low), y(day.high)] as const),
    cityInk[city].strong,
    step * 0.62,
  )
}

const columns = [
  ['low', 78],
  ['high', 112],
  ['rain', 148],
  ['wind', 180],
] as const

function table(sheet: Sheet, days: readonly Day[], x: number, width: number): void {
  sheet.text('°C, mm, m/s', x, 240, { size: 7, color: ink.soft })
  for (const [name, right] of columns) sheet.text(name, x + right, 240, { size: 7, color: ink.soft, align: 'right' })
  sheet.rule(x, 245, x + width, ink.text, 0.8)
  days.forEach((day, index) => {
    const y = 257.5 + index * 17
    const sunday = weekday(day.date) === 'Sun'
    sheet.text(String(Number(day.date.slice(8))), x + 13, y, {
      size: 8.5,
      align: 'right',
      weight: sunday ? 'bold' : 'regular',
    })
    sheet.text(weekday(day.date), x + 20, y, { size: 8, color: ink.soft })
    const cells = [number(day.low), number(day.high), day.rain > 0 ? number(day.rain) : '\u2013', number(day.wind)]
    cells.forEach((cell, column) => {
      sheet.text(cell, x + columns[column]![1], y, { size: 8.5, align: 'right' })
    })
    sheet.rect(x + 192, y - 6, 6.5, 6.5, kindInk[day.kind])
    sheet.text(day.kind, x + 202, y, { size: 8, color: ink.soft })
    sheet.rule(x, y + 5, x + width, ink.line, sunday ? 0.8 : 0.3)
  })
}
