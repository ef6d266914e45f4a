import { expect, it } from 'vitest'
import { queryOf, textOf } from '../../apps/dashboard/src/filter.ts'

it.each([
  [
    'status:failed type:report',
    [
      ['status', 'failed'],
      ['type', 'report'],
    ],
  ],
  ['  owner:"ann lee"  ', [['owner', 'ann lee']]],
  ['owner:"say \\"hi\\" \\\\o/"', [['owner', 'say "hi" \\o/']]],
  ['from:2026-11-01T09:00Z', [['from', '2026-11-01T09:00Z']]],
  [
    'input.名前:花子 input.a.b:1',
    [
      ['input.名前', '花子'],
      ['input.a.b', '1'],
    ],
  ],
  ['"input.odd key":x', [['input.odd key', 'x']]],
  ['01m8dyncrmjapjjsg2q88f91cq', [['id', '01M8DYNCRMJAPJJSG2Q88F91CQ']]],
  ['type:a:b', [['type', 'a:b']]],
  ['', []],
] as const)('%s', (text, pairs) => {
  expect([...queryOf(text)]).toEqual(pairs)
  expect([...queryOf(textOf(queryOf(text)))]).toEqual(pairs)
})

it('leaves out what has a control of its own', () => {
  expect(textOf(new URLSearchParams({ status: 'failed', sort: 'oldest', cursor: 'x' }))).toBe('status:failed')
})
