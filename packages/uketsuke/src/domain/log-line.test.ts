import { expect, test } from 'vitest'
import { logLines } from './log-line.ts'

test('reads one line of JSON each, and skips a damaged one', () => {
  const line = { at: 1, attempt: 1, level: 'info', message: 'x' } as const
  expect(logLines(`${JSON.stringify(line)}\n{"at\n${JSON.stringify({ ...line, fields: { n: 1 } })}\n`)).toEqual([
    line,
    { ...line, fields: { n: 1 } },
  ])
  expect(logLines('')).toEqual([])
})
