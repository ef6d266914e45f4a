import { type Frame, line, ticks, timeAxis, valueAxis } from '../charts.ts'
import { cityInk, contentWidth, ink, page, type Sheet } from '../sheet.ts'
import { cities } from '../weather.ts'
import { millimetres } from '../write.ts'
import { type Bar, bars } from './bars.ts'
import type { Page, Report } from './page.ts'

export const precipitation: Page = {
  title: 'Precipitation',
  lead: (report) =>
    `Rain and melted snow ${report.months.Seattle.length > 1 ? 'in each month' : 'on each day'}, and the cumulative total.`,
  draw(sheet, report) {
    const frame = { x: page.left + 26, width: contentWidth - 26 }
    sheet.legend(
      cities.map((city) => [city, cityInk[city].strong] as const),
      frame.x,
      138,
    )
    bars(sheet, amounts(report), { ...frame, y: 172, height: 226 }, 'mm')
    sheet.text('Cumulative total', frame.x, 468, { size: 12, weight: 'bold' })
    accumulation(sheet, report, { ...frame, y: 492, height: 236 })
  },
}

/** By month, or by day if there is only one month. */
function amounts({ months, weather }: Report): Bar[] {
  if (months.Seattle.length > 1) {
    return months.Seattle.map(({ month, figures }, index) => ({
      date: `${month}-01`,
      values: { Seattle: figures.rain, 'New York': months['New York'][index]!.figures.rain },
    }))
  }
  return weather.Seattle.map(({ date, rain }, index) => ({
    date,
    values: { Seattle: rain, 'New York': weather['New York'][index]!.rain },
  }))
}

function accumulation(sheet: Sheet, { weather, figures, range }: Report, frame: Frame): void {
  const chart = { ...frame, width: frame.width - 52 }
  const y = valueAxis(
    sheet,
    chart,
    ticks(
      cities.map((city) => figures[city].rain),
      5,
      0,
    ),
    'mm',
  )
  const time = timeAxis(sheet, chart, range.startDate, range.endDate)
  const ends = cities.map((city) => {
    let total = 0
    const points = weather[city].map((day) => {
      total += day.rain
      return [time.x(day.date), y(total)] as const
    })
    line(sheet, points, cityInk[city].strong)
    return { city, y: y(total) + 3 }
  })
  // Label the ends of the lines with the totals, and keep the labels apart.
  const [upper, lower] = ends.sort((one, other) => one.y - other.y) as [(typeof ends)[0], (typeof ends)[0]]
  lower.y = Math.max(lower.y, upper.y + 12)
  for (const { city, y } of ends) {
    sheet.text(millimetres(figures[city].rain), chart.x + chart.width + 6, y, {
      weight: 'bold',
      color: cityInk[city].strong,
    })
  }
  sheet.rule(chart.x, chart.y + chart.height, chart.x + chart.width, ink.soft, 0.5)
}
