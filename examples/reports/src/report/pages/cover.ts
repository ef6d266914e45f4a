import { cityInk, contentWidth, ink, page, type Sheet } from '../sheet.ts'
import { type City, cities } from '../weather.ts'
import { dayCount, degrees, longDate, millimetres, number } from '../write.ts'
import type { Page, Report } from './page.ts'

export const cover: Page = {
  title: 'Cover',
  draw(sheet, report) {
    const { startDate, endDate } = report.range
    sheet.rect(0, 0, page.width, page.height, ink.paper)
    seal(sheet, page.right - 58, 60)
    sheet.text('Weather report', page.left, 262, { size: 36, weight: 'bold' })
    sheet.text('Seattle and New York', page.left, 306, { size: 30, weight: 'light' })
    sheet.rect(page.left, 330, 44, 2.5, ink.seal)
    const range = startDate === endDate ? longDate(startDate) : `${longDate(startDate)} to ${longDate(endDate)}`
    sheet.text(range, page.left, 362, { size: 13 })
    sheet.text(`${dayCount(report.figures.Seattle.days)} in each city`, page.left, 380, { size: 10, color: ink.soft })
    const half = contentWidth / 2
    cities.forEach((city, index) => {
      headline(sheet, report, city, page.left + index * (half + 14), 452, half - 14)
    })
    sheet.text('Job', page.left, 782, { size: 8, color: ink.soft })
    sheet.text(report.ticket, page.left, 796, { size: 9.5 })
    sheet.text('Data: NOAA, from vega-datasets', page.right, 796, { size: 8, color: ink.soft, align: 'right' })
  },
}

/** Draws a seal with the name of the project: 受付 (uketsuke), "reception". */
function seal(sheet: Sheet, x: number, y: number): void {
  const { doc } = sheet
  doc.save().rotate(-3, { origin: [x + 29, y + 52] })
  doc.roundedRect(x, y, 58, 104, 7).fill(ink.seal)
  doc
    .roundedRect(x + 3.5, y + 3.5, 51, 97, 4.5)
    .lineWidth(0.8)
    .strokeColor(ink.paper)
    .stroke()
  sheet.text('受', x + 29, y + 47, { size: 36, weight: 'bold', color: ink.paper, align: 'center' })
  sheet.text('付', x + 29, y + 87, { size: 36, weight: 'bold', color: ink.paper, align: 'center' })
  doc.restore()
}

function headline(sheet: Sheet, report: Report, city: City, x: number, y: number, width: number): void {
  const figures = report.figures[city]
  sheet.rule(x, y, x + width, cityInk[city].strong, 1.2)
  sheet.text(city, x, y + 22, { size: 12, weight: 'bold', color: cityInk[city].strong })
  sheet.text(number(figures.mean), x, y + 72, { size: 42, weight: 'light' })
  const after = x + sheet.doc.widthOfString(number(figures.mean)) + 6
  sheet.text('°C', after, y + 72, { size: 16, weight: 'light', color: ink.soft })
  sheet.text('mean temperature', x, y + 90, { size: 9, color: ink.soft })
  const rows = [
    ['Lowest to highest', `${number(figures.coldest.value)} to ${degrees(figures.warmest.value)}`],
    ['Precipitation', `${millimetres(figures.rain)} on ${dayCount(figures.wetDays)}`],
    ['Sunny days', `${number(figures.kinds.sun, 0)} of ${number(figures.days, 0)}`],
    ['Mean wind', `${number(figures.wind)} m/s`],
  ] as const
  rows.forEach(([name, value], index) => {
    const line = y + 124 + index * 22
    sheet.rule(x, line + 7, x + width)
    sheet.text(name, x, line, { size: 9.5, color: ink.soft })
    sheet.text(value, x + width, line, { size: 9.5, align: 'right' })
  })
}
