import { type Frame, scale, ticks, valueAxis } from '../charts.ts'
import { cityInk, ink, type Sheet } from '../sheet.ts'
import { type City, cities } from '../weather.ts'
import { monthInitial } from '../write.ts'

export interface Bar {
  /** The first day of the period. */
  readonly date: string
  readonly values: Readonly<Record<City, number>>
}

/** Draws pairs of bars, one for each city, with months as labels, or days if there is only one month. */
export function bars(sheet: Sheet, pairs: readonly Bar[], frame: Frame, unit: string): void {
  const y = valueAxis(
    sheet,
    frame,
    ticks(
      pairs.flatMap((pair) => cities.map((city) => pair.values[city])),
      5,
      0,
    ),
    unit,
  )
  const slot = scale([0, pairs.length], [frame.x, frame.x + frame.width])
  const width = Math.min(16, ((slot(1) - slot(0)) * 0.76) / 2)
  const base = frame.y + frame.height
  const monthly = pairs.length > 1 && pairs[0]!.date.slice(0, 7) !== pairs[1]!.date.slice(0, 7)
  pairs.forEach(({ date, values }, index) => {
    const middle = slot(index + 0.5)
    cities.forEach((city, side) => {
      const top = y(values[city])
      sheet.rect(middle + (side - 1) * width, top, width - 0.5, base - top, cityInk[city].strong)
    })
    const name = monthly ? monthInitial(date) : String(Number(date.slice(8)))
    sheet.text(name, middle, base + 12, { size: 7.5, color: ink.soft, align: 'center' })
    if (monthly && (index === 0 || date.slice(5, 7) === '01')) {
      sheet.text(date.slice(0, 4), slot(index) + 2, base + 24, { size: 7.5, color: ink.soft })
    }
  })
}
