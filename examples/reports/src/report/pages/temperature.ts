import { type Frame, line, strokes, ticks, timeAxis, valueAxis } from '../charts.ts'
import { midpoint, sum } from '../figures.ts'
import { cityInk, contentWidth, page, type Sheet } from '../sheet.ts'
import { type City, cities } from '../weather.ts'
import { degrees, shortDate } from '../write.ts'
import type { Page, Report } from './page.ts'

export const temperature: Page = {
  title: 'Temperature',
  lead: () =>
    'Each vertical bar shows the low and high of a day. The line is the seven-day moving average. Both charts use the same scale.',
  draw(sheet, report) {
    const all = cities.flatMap((city) => report.weather[city].flatMap((day) => [day.low, day.high]))
    const values = ticks(all)
    cities.forEach((city, index) => {
      chart(sheet, report, city, values, {
        x: page.left + 26,
        y: 172 + index * 318,
        width: contentWidth - 26,
        height: 222,
      })
    })
  },
}

function chart(sheet: Sheet, report: Report, city: City, values: readonly number[], frame: Frame): void {
  const days = report.weather[city]
  const { warmest, coldest, mean } = report.figures[city]
  const { strong, light } = cityInk[city]
  sheet.text(city, frame.x, frame.y - 22, { size: 12, weight: 'bold', color: strong })
  const note = `mean ${degrees(mean)}  ·  highest ${degrees(warmest.value)}, ${shortDate(warmest.date)}  ·  lowest ${degrees(coldest.value)}, ${shortDate(coldest.date)}`
  sheet.text(note, page.right, frame.y - 22, { size: 8, align: 'right' })
  const y = valueAxis(sheet, frame, values, '°C')
  const time = timeAxis(sheet, frame, report.range.startDate, report.range.endDate)
  strokes(
    sheet,
    days.map((day) => [time.x(day.date), y(day.low), y(day.high)] as const),
    light,
    Math.min(9, time.step * 0.72),
  )
  const smooth = days.map((day, index) => {
    const around = days.slice(Math.max(0, index - 3), index + 4)
    return [time.x(day.date), y(sum(around.map(midpoint)) / around.length)] as const
  })
  line(sheet, smooth, strong, days.length > 400 ? 1 : 1.5)
}
