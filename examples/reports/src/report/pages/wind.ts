import { type Frame, scale, ticks, valueAxis } from '../charts.ts'
import { cityInk, contentWidth, ink, page, type Sheet } from '../sheet.ts'
import { type City, cities } from '../weather.ts'
import { metresPerSecond, shortDate } from '../write.ts'
import { bars } from './bars.ts'
import type { Page, Report } from './page.ts'

const bins = 10

export const wind: Page = {
  title: 'Wind',
  lead: () =>
    'Mean wind speed by month, and the distribution of daily wind speeds. The last column includes all higher speeds.',
  draw(sheet, report) {
    const frame = { x: page.left + 26, width: contentWidth - 26 }
    sheet.legend(
      cities.map((city) => [city, cityInk[city].strong] as const),
      frame.x,
      138,
    )
    const monthly = report.months.Seattle.map(({ month, figures }, index) => ({
      date: `${month}-01`,
      values: { Seattle: figures.wind, 'New York': report.months['New York'][index]!.figures.wind },
    }))
    bars(sheet, monthly, { ...frame, y: 172, height: 226 }, 'm/s')
    const half = (contentWidth - 40) / 2
    const shares = { Seattle: histogram(report, 'Seattle'), 'New York': histogram(report, 'New York') }
    const values = ticks([...shares.Seattle, ...shares['New York']], 4, 0)
    cities.forEach((city, index) => {
      distribution(sheet, report, city, shares[city], values, {
        x: page.left + 26 + index * (half + 40),
        y: 532,
        width: half - 26,
        height: 190,
      })
    })
  },
}

function histogram({ weather }: Report, city: City): number[] {
  const counts = Array.from({ length: bins }, () => 0)
  for (const day of weather[city]) counts[Math.min(bins - 1, Math.floor(day.wind))]!++
  return counts.map((count) => (100 * count) / weather[city].length)
}

function distribution(
  sheet: Sheet,
  { figures }: Report,
  city: City,
  shares: readonly number[],
  values: readonly number[],
  frame: Frame,
): void {
  const { windiest } = figures[city]
  sheet.text(city, frame.x, frame.y - 40, { size: 12, weight: 'bold', color: cityInk[city].strong })
  sheet.text(`maximum ${metresPerSecond(windiest.value)}, ${shortDate(windiest.date)}`, frame.x, frame.y - 26, {
    size: 8,
    color: ink.soft,
  })
  const y = valueAxis(sheet, frame, values, '%')
  const x = scale([0, bins], [frame.x, frame.x + frame.width])
  const base = frame.y + frame.height
  shares.forEach((share, index) => {
    sheet.rect(x(index) + 1, y(share), x(1) - x(0) - 2, base - y(share), cityInk[city].strong)
    sheet.text(String(index), x(index), base + 12, { size: 7.5, color: ink.soft, align: 'center' })
  })
  sheet.text('m/s', frame.x + frame.width, base + 12, { size: 7.5, color: ink.soft, align: 'right' })
}
