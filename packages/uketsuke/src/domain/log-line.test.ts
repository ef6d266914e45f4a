import { expect, test } from 'vitest'
import { droppedLines, logLines } from './log-line.ts'

test('reads one line of JSON each, and skips a damaged one', () => {
  const line = { at: 1, attempt: 1, level: 'info', message: 'x' } as const
  expect(logLines(`${JSON.stringify(line)}\n{"at\n${JSON.stringify({ ...line, fields: { n: 1 } })}\n`)).toEqual([
    line,
    { ...line, fields: { n: 1 } },
  ])
  expect(logLines('')).toEqual([])
})

test('keeps the last thousand, and counts those before', () => {
  const all = Array.from({ length: 1_500 }, (_, i) => ({
    at: 1,
    attempt: 1,
    number: i + 1,
    level: 'info',
    message: 'x',
  }))
  const lines = logLines(`"cut":1}\n${all.map((line) => JSON.stringify(line)).join('\n')}\n`)
  expect([lines.length, lines[0]?.number, droppedLines(lines)]).toEqual([1_000, 501, 500])
  expect([droppedLines([]), droppedLines(logLines('{"at":1}'))]).toEqual([0, 0])
})
