import { describe, expect, it } from 'vitest'
import { figures, months } from '../src/report/figures.ts'
import { generateReport } from '../src/report/generate.ts'
import { reportInput } from '../src/report/range.ts'
import { readWeather } from '../src/report/weather.ts'

/** The PDFs by their job ids. */
const saved = new Map<string, Buffer>()

describe('figures', () => {
  it('matches a week computed by hand', async () => {
    // Seattle, 3 to 9 January 2012, from the data set:
    // rain 0.8 20.3 1.3 2.5 0 0 4.3 · high 11.7 12.2 8.9 4.4 7.2 10 9.4 · low 7.2 5.6 2.8 2.2 2.8 2.8 5
    const { Seattle } = await readWeather({ startDate: '2012-01-03', endDate: '2012-01-09' })
    const week = figures(Seattle)
    expect(week.days).toBe(7)
    expect(week.rain).toBeCloseTo(29.2)
    expect(week.wetDays).toBe(4)
    expect(week.wettest).toEqual({ value: 20.3, date: '2012-01-04' })
    expect(week.warmest).toEqual({ value: 12.2, date: '2012-01-04' })
    expect(week.coldest).toEqual({ value: 2.2, date: '2012-01-06' })
    expect(week.mean).toBeCloseTo((63.8 + 28.4) / 2 / 7)
    expect(week.longestDry).toBe(2)
  })

  it('covers every day of four years in both cities', async () => {
    const weather = await readWeather({ startDate: '2012-01-01', endDate: '2015-12-31' })
    expect([weather.Seattle.length, weather['New York'].length]).toEqual([1461, 1461])
    expect(months(weather.Seattle)).toHaveLength(48)
    expect(new Set(weather['New York'].map((day) => day.date)).size).toBe(1461)
  })
})

describe('the PDF', () => {
  const order = (ticket: string, startDate: string, endDate: string) => ({
    ticket,
    save: async (pdf: AsyncIterable<Uint8Array>) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of pdf) chunks.push(chunk)
      saved.set(ticket, Buffer.concat(chunks))
    },
    range: { startDate, endDate },
    pace: 0,
    signal: new AbortController().signal,
    progress: () => {},
  })

  it.each([
    ['one leap day', '2012-02-29', '2012-02-29', 8, 2],
    ['the turn of a year', '2013-12-28', '2014-01-05', 9, 18],
    ['a year', '2014-01-01', '2014-12-31', 19, 730],
    ['the whole data set', '2012-01-01', '2015-12-31', 55, 2922],
  ])('has seven pages plus one per month for %s', async (_, startDate, endDate, pages, rows) => {
    const result = await generateReport(order('ticket', startDate, endDate))
    const pdf = saved.get('ticket') ?? Buffer.alloc(0)
    expect(result).toEqual({ pages, rows })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    expect(pdf.toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(pages)
  })

  it('reports progress for each page and never goes back', async () => {
    const reports: [number, string][] = []
    await generateReport({
      ...order('reports', '2014-01-01', '2014-01-31'),
      progress: (percent, message) => void reports.push([percent, message]),
    })
    const percents = reports.map(([percent]) => percent)
    expect(percents).toEqual([...percents].sort((one, other) => one - other))
    expect(reports.map(([, message]) => message)).toContain('Drawing page 3 of 8')
  })

  it('saves nothing when it is aborted', async () => {
    const stop = new AbortController()
    const stopped = generateReport({
      ...order('stopped', '2014-01-01', '2014-12-31'),
      signal: stop.signal,
      progress: (_, message) => message.startsWith('Drawing page 5') && stop.abort(),
    })
    await expect(stopped).rejects.toThrow()
    expect(saved.has('stopped')).toBe(false)
  })
})

describe('reportInput', () => {
  const issues = (input: unknown) =>
    reportInput.safeParse(input).error?.issues.map(({ path, message }) => `${path.join('/')}: ${message}`)

  it.each([
    [{ startDate: '2012-01-01', endDate: '2015-12-31' }],
    [{ startDate: '2012-02-29', endDate: '2012-02-29', pace: 0 }],
  ])('accepts %j', (input) => {
    expect(reportInput.safeParse(input).success).toBe(true)
  })

  it.each([
    ['before the data', { startDate: '2011-12-31', endDate: '2012-06-01' }, /^startDate: .*2012-01-01/],
    ['after the data', { startDate: '2015-01-01', endDate: '2016-01-01' }, /^endDate: .*2015-12-31/],
    ['entirely before the data', { startDate: '2010-01-01', endDate: '2010-12-31' }, /^startDate/],
    ['entirely after the data', { startDate: '2020-01-01', endDate: '2020-12-31' }, /^endDate/],
    [
      'February 29 in a common year',
      { startDate: '2014-02-29', endDate: '2014-03-01' },
      /^startDate: must be a valid date/,
    ],
    ['month 13', { startDate: '2014-13-01', endDate: '2014-12-31' }, /^startDate: must be a valid date/],
    ['a time', { startDate: '2014-01-01T00:00:00Z', endDate: '2014-12-31' }, /^startDate/],
    ['an end before its start', { startDate: '2014-06-02', endDate: '2014-06-01' }, /^endDate: must not be before/],
    ['an empty object', {}, /^startDate/],
    ['a number', { startDate: 20140101, endDate: '2014-12-31' }, /^startDate/],
    ['an excessive pace', { startDate: '2014-01-01', endDate: '2014-12-31', pace: 1e9 }, /^pace/],
    ['an unknown member', { startDate: '2014-01-01', endDate: '2014-12-31', owner: 'bob' }, /owner/],
  ])('rejects %s', (_, input, expected) => {
    expect(issues(input)?.join('\n')).toMatch(expected)
  })
})
