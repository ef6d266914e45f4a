import { describe, expect, it } from 'vitest'
import { cronTimes } from './cron.ts'

/** The next times after `from`. */
function runs(cron: string, timezone: string, from: string, count: number): string[] {
  const { next } = cronTimes(cron, timezone)
  const found: string[] = []
  for (let at = next(Date.parse(from)); at !== null && found.length < count; at = next(at)) {
    found.push(new Date(at).toISOString().replace(':00.000', ''))
  }
  return found
}

describe('a local time that a clock change skips', () => {
  it('comes at the next valid one: Berlin in spring', () => {
    const expected = ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z']
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00Z', 3)).toEqual(expected)
  })
  it('comes once, even if two are skipped', () => {
    const expected = ['2026-03-29T01:00Z', '2026-03-30T00:15Z', '2026-03-30T00:45Z']
    expect(runs('15,45 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 3)).toEqual(expected)
  })
  it('of half an hour: Lord Howe', () => {
    const expected = ['2026-10-03T15:30Z', '2026-10-04T15:15Z']
    expect(runs('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', 2)).toEqual(expected)
  })
  it('of two hours: Troll', () => {
    const expected = ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-29T23:30Z']
    expect(runs('30 1 * * *', 'Antarctica/Troll', '2026-03-28T00:00Z', 3)).toEqual(expected)
  })
  it('of a whole day: Apia had no 30 December 2011, and that day has no run', () => {
    const expected = ['2011-12-28T22:30Z', '2011-12-29T22:30Z', '2011-12-30T22:30Z']
    expect(runs('30 12 * * *', 'Pacific/Apia', '2011-12-28T12:00Z', 3)).toEqual(expected)
  })
})

describe('a local time that occurs twice', () => {
  it('comes once: Berlin in autumn', () => {
    const expected = ['2026-10-25T00:30Z', '2026-10-26T01:30Z']
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2)).toEqual(expected)
  })
  it('in a list comes once', () => {
    const expected = ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-26T01:00Z']
    expect(runs('0,30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 3)).toEqual(expected)
  })
  it('within half an hour: Lord Howe', () => {
    const expected = ['2026-04-04T14:45Z', '2026-04-05T15:15Z']
    expect(runs('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', 2)).toEqual(expected)
  })
  it('within two hours: Troll', () => {
    const expected = ['2026-10-25T00:30Z', '2026-10-26T02:30Z']
    expect(runs('30 2 * * *', 'Antarctica/Troll', '2026-10-24T12:00Z', 2)).toEqual(expected)
  })
})

it('an interval goes on through a clock change', () => {
  const autumn = ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z']
  expect(runs('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:45Z', 4)).toEqual(autumn)
  const spring = ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z']
  expect(runs('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:15Z', 3)).toEqual(spring)
})

it('has seconds as a first field, names, lists, the last day of a month, and nicknames', () => {
  expect(runs('*/20 * * * * *', 'UTC', '2026-01-01T00:00:59Z', 2)).toEqual([
    '2026-01-01T00:01Z',
    '2026-01-01T00:01:20.000Z',
  ])
  expect(runs('0 9 * * MON-FRI', 'UTC', '2026-01-02T09:00Z', 1)).toEqual(['2026-01-05T09:00Z'])
  expect(runs('0 0 L * *', 'UTC', '2026-02-01T00:00Z', 1)).toEqual(['2026-02-28T00:00Z'])
  expect(runs('@daily', 'Asia/Tokyo', '2026-01-01T00:00Z', 1)).toEqual(['2026-01-01T15:00Z'])
})

it('finds the last time before another', () => {
  const { previous } = cronTimes('0 2 * * *', 'Europe/Berlin')
  expect(previous(Date.parse('2026-07-02T00:00:00Z'))).toBe(Date.parse('2026-07-01T00:00:00Z'))
  expect(previous(Date.parse('2026-07-02T00:00:01Z'))).toBe(Date.parse('2026-07-02T00:00:00Z'))
})

it.each([
  ['', 'UTC', '/cron'],
  ['* * * *', 'UTC', '/cron'],
  ['60 * * * *', 'UTC', '/cron'],
  ['* * * * * * *', 'UTC', '/cron'],
  ['x * * * *', 'UTC', '/cron'],
  ['? 2 * * *', 'UTC', '/cron'],
  ['@reboot', 'UTC', '/cron'],
  ['0 2 * * *', 'Europe/Nowhere', '/timezone'],
  ['0 2 * * *', '', '/timezone'],
  ['0 2 * * *', '+02:00', '/timezone'],
])('rejects %j in %j and points to %s', (cron, timezone, pointer) => {
  const caught = () => cronTimes(cron, timezone)
  expect(caught).toThrow(
    expect.objectContaining({ code: 'validation-error', errors: [expect.objectContaining({ pointer })] }),
  )
})
