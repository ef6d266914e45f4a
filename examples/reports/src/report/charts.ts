import { ink, type Sheet } from './sheet.ts'
import { monthInitial } from './write.ts'

export interface Frame {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export type Scale = (value: number) => number

export function scale(from: readonly [number, number], to: readonly [number, number]): Scale {
  const span = from[1] - from[0] || 1
  return (value) => to[0] + ((value - from[0]) / span) * (to[1] - to[0])
}

/** Round tick values that enclose all values, with about `count` steps. */
export function ticks(values: readonly number[], count = 5, start = Number.POSITIVE_INFINITY): number[] {
  const low = Math.min(start, ...values)
  const high = Math.max(...values)
  const magnitude = 10 ** Math.floor(Math.log10((high - low || 1) / count))
  const enclosing = [1, 2, 5, 10].map((factor) => {
    const step = factor * magnitude
    const first = Math.floor(low / step)
    const steps = Math.max(1, Math.ceil(high / step) - first)
    return Array.from({ length: steps + 1 }, (_, index) => (first + index) * step)
  })
  const off = (values: readonly number[]) => Math.abs(values.length - 1 - count)
  return enclosing.reduce((best, other) => (off(other) < off(best) ? other : best))
}

/** Draws horizontal grid lines with labels on the left. Returns the scale from values to y. */
export function valueAxis(sheet: Sheet, frame: Frame, values: readonly number[], unit: string): Scale {
  const y = scale([values[0]!, values.at(-1)!], [frame.y + frame.height, frame.y])
  for (const value of values) {
    sheet.rule(frame.x, y(value), frame.x + frame.width, value === 0 ? ink.soft : ink.line, 0.5)
    const label = String(Math.round(value * 100) / 100).replace('-', '\u2212')
    sheet.text(label, frame.x - 6, y(value) + 3, { size: 7.5, color: ink.soft, align: 'right' })
  }
  sheet.text(unit, frame.x - 6, frame.y - 8, { size: 7.5, color: ink.soft, align: 'right' })
  return y
}

const dayMs = 86_400_000
const dayNumber = (date: string) => Date.parse(date) / dayMs

/** Draws months (as initials, if they fit) and years below a chart. Returns the x of the middle of a day and the width of a day. */
export function timeAxis(
  sheet: Sheet,
  frame: Frame,
  startDate: string,
  endDate: string,
): { x: (date: string) => number; step: number } {
  const first = dayNumber(startDate)
  const span = dayNumber(endDate) - first + 1
  const step = frame.width / span
  const at = (day: number) => frame.x + (day - first) * step
  const base = frame.y + frame.height
  const [year, month] = [Number(startDate.slice(0, 4)), Number(startDate.slice(5, 7))]
  for (let index = 0; ; index++) {
    const from = Date.UTC(year, month - 1 + index, 1) / dayMs
    const to = Date.UTC(year, month + index, 1) / dayMs
    if (from >= first + span) break
    const date = new Date(from * dayMs).toISOString().slice(0, 10)
    const [left, right] = [Math.max(frame.x, at(from)), Math.min(frame.x + frame.width, at(to))]
    if (index > 0)
      sheet.doc
        .moveTo(left, base)
        .lineTo(left, base + (date.endsWith('01-01') ? 18 : 3))
        .lineWidth(0.5)
        .strokeColor(ink.line)
        .stroke()
    if (right - left > 7)
      sheet.text(monthInitial(date), (left + right) / 2, base + 11, { size: 7.5, color: ink.soft, align: 'center' })
    if (index === 0 || date.endsWith('01-01')) {
      const room = frame.x + frame.width - left
      if (room > 22) sheet.text(date.slice(0, 4), left + (index > 0 ? 4 : 0), base + 22, { size: 7.5, color: ink.soft })
    }
  }
  return { x: (date) => at(dayNumber(date) + 0.5), step }
}

export type Point = readonly [x: number, y: number]

export function line(sheet: Sheet, points: readonly Point[], color: string, width = 1.4): void {
  const [first, ...rest] = points
  if (!first) return
  if (rest.length === 0) {
    sheet.doc.circle(first[0], first[1], 2).fill(color)
    return
  }
  sheet.doc.moveTo(first[0], first[1])
  for (const [x, y] of rest) sheet.doc.lineTo(x, y)
  sheet.doc.lineJoin('round').lineWidth(width).strokeColor(color).stroke()
}

/** Draws a vertical stroke from y1 to y2 for each mark. A single path keeps the PDF small for 1,461 days. */
export function strokes(
  sheet: Sheet,
  marks: readonly (readonly [x: number, y1: number, y2: number])[],
  color: string,
  width: number,
): void {
  if (marks.length === 0) return
  for (const [x, y1, y2] of marks) sheet.doc.moveTo(x, y1).lineTo(x, Math.abs(y1 - y2) < 0.4 ? y1 - 0.4 : y2)
  sheet.doc.lineCap('butt').lineWidth(width).strokeColor(color).stroke()
}
