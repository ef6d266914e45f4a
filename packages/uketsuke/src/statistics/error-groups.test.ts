import { expect, it } from 'vitest'
import { memoryRecords } from '../store/memory-records.ts'
import { ErrorGroups, normalized, readErrorGroups } from './error-groups.ts'

it.each([
  ['Job 01M8DYNCRMJAPJJSG2Q88F91CQ is gone', 'Job * is gone'],
  ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED *.*:*'],
  [`no user "ann" at 'home'`, 'no user * at *'],
  ['id 3f0a9c1e-0000-4000-8000-1234567890ab', 'id *'],
  ['checksum deadbeefdeadbeef00', 'checksum *'],
  ['took 1.5 s of 2', 'took * s of *'],
])('%s becomes %s', (message, expected) => {
  expect(normalized(message)).toBe(expected)
})

it('adds up what is the same, and keeps when it was seen first and last, over several writes', async () => {
  const records = memoryRecords()
  const failure = (message: string) => ({
    code: 'handler-error',
    message: 'for clients',
    retryable: true,
    thrown: `Error: ${message}\n    at x`,
  })
  const groups = new ErrorGroups()
  groups.add({ id: 'a', type: 'report' }, failure('page 1'), 100)
  groups.add({ id: 'b', type: 'report' }, failure('page 2'), 200)
  groups.add({ id: 'c', type: 'mail' }, failure('page 3'), 300)
  await groups.write(records)
  await groups.write(records)
  const other = new ErrorGroups()
  other.add({ id: 'd', type: 'report' }, failure('page 4'), 400)
  await other.write(records)
  expect(await readErrorGroups(records)).toMatchObject([
    { type: 'report', message: 'Error: page *', count: 3, firstSeen: 100, lastSeen: 400, jobId: 'd' },
    { type: 'mail', message: 'Error: page *', count: 1, firstSeen: 300, lastSeen: 300, jobId: 'c' },
  ])
})

it('keeps the 500 groups that were seen last, and at most 100 new ones at a time', async () => {
  const records = memoryRecords()
  const letters = (n: number) => [...String(n)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
  for (let round = 0; round < 6; round++) {
    const groups = new ErrorGroups()
    for (let n = 0; n < 150; n++) {
      const at = round * 1_000 + n
      groups.add({ id: 'x', type: 't' }, { code: 'c', message: letters(at), retryable: false }, at)
    }
    await groups.write(records)
  }
  const kept = await readErrorGroups(records)
  expect(kept).toHaveLength(500)
  expect([kept[0]?.lastSeen, kept.at(-1)?.lastSeen]).toEqual([5_099, 1_000])
})
