import { type Frame, scale, valueAxis } from '../charts.ts'
import { cityInk, contentWidth, ink, kindInk, page, type Sheet } from '../sheet.ts'
import { type City, cities, kinds } from '../weather.ts'
import { monthInitial, number } from '../write.ts'
import type { Page, Report } from './page.ts'

export const sky: Page = {
  title: 'Kinds of weather',
  lead: () =>
    'The share of sunny, foggy, rainy and snowy days in each month. The data set has one kind of weather per day.',
  draw(sheet, report) {
    sheet.legend(
      kinds.map((kind) => [kind, kindInk[kind]] as const),
      page.left + 26,
      138,
    )
    cities.forEach((city, index) => {
      columns(sheet, report, city, { x: page.left + 26, y: 186 + index * 318, width: contentWidth - 26, height: 216 })
    })
  },
}

function columns(sheet: Sheet, { months, figures }: Report, city: City, frame: Frame): void {
  sheet.text(city, frame.x, frame.y - 16, { size: 12, weight: 'bold', color: cityInk[city].strong })
  const counted = kinds.filter((kind) => figures[city].kinds[kind] > 0)
  const note = counted.map((kind) => `${kind} ${number(figures[city].kinds[kind], 0)}`).join('  ·  ')
  sheet.text(`days of ${note}`, page.right, frame.y - 16, { size: 8, align: 'right' })
  const y = valueAxis(sheet, frame, [0, 25, 50, 75, 100], '%')
  const x = scale([0, months[city].length], [frame.x, frame.x + frame.width])
  const gap = Math.min(4, (x(1) - x(0)) * 0.14)
  const width = Math.min(64, x(1) - x(0) - gap)
  const base = frame.y + frame.height
  months[city].forEach(({ month, figures }, index) => {
    let below = 0
    const left = x(index + 0.5) - width / 2
    for (const kind of kinds) {
      const share = (100 * figures.kinds[kind]) / figures.days
      sheet.rect(left, y(below + share), width, y(below) - y(below + share), kindInk[kind])
      below += share
    }
    sheet.text(monthInitial(`${month}-01`), x(index + 0.5), base + 12, { size: 7.5, color: ink.soft, align: 'center' })
    if (index === 0 || month.endsWith('-01'))
      sheet.text(month.slice(0, 4), left, base + 24, { size: 7.5, color: ink.soft })
  })
}
