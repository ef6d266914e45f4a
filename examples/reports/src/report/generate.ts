import { setTimeout as sleep } from 'node:timers/promises'
import { figures, months, sum } from './figures.ts'
import { contents } from './pages/index.ts'
import { letterhead, type Report } from './pages/page.ts'
import type { Range } from './range.ts'
import { Sheet } from './sheet.ts'
import { readWeather } from './weather.ts'
import { shortDate } from './write.ts'

export interface Order {
  /** The job id, which is printed on each page. */
  readonly ticket: string
  readonly range: Range
  /** Keeps the PDF, which arrives while its pages are drawn. */
  readonly save: (pdf: AsyncIterable<Uint8Array>) => Promise<unknown>
  /** Milliseconds before each page. */
  readonly pace: number
  readonly signal: AbortSignal
  readonly progress: (percent: number, message: string) => void
}

export interface Generated {
  readonly pages: number
  /** The number of daily records for both cities. */
  readonly rows: number
}

/** Reads the data, computes the statistics, and writes the PDF page by page. */
export async function generateReport({ ticket, range, save, pace, signal, progress }: Order): Promise<Generated> {
  progress(1, 'Reading the weather data')
  const report = await read(ticket, range)
  const pages = contents(report.months.Seattle)
  progress(4, 'Computing statistics')
  const sheet = new Sheet(
    `Weather of Seattle and New York, ${shortDate(range.startDate)} to ${shortDate(range.endDate)}`,
  )
  await Promise.all([save(sheet.doc), draw().catch(abandon)])
  return { pages: pages.length, rows: sum(Object.values(report.weather).map((days) => days.length)) }

  function abandon(reason: Error): never {
    sheet.doc.destroy(reason)
    throw reason
  }

  async function draw(): Promise<void> {
    for (const [index, page] of pages.entries()) {
      const number = index + 1
      progress(5 + (90 * index) / pages.length, `Drawing page ${number} of ${pages.length}`)
      // Even with a pace of 0, yield to the event loop, so that the worker can renew its lease.
      await sleep(pace, undefined, { signal })
      sheet.doc.addPage()
      sheet.doc.outline.addItem(page.title)
      if (page.lead) letterhead(sheet, report, page.title, page.lead(report), number, pages.length)
      page.draw(sheet, report)
    }
    progress(96, 'Writing the PDF')
    sheet.doc.end()
  }
}

async function read(ticket: string, range: Range): Promise<Report> {
  const weather = await readWeather(range)
  return {
    ticket,
    range,
    weather,
    figures: { Seattle: figures(weather.Seattle), 'New York': figures(weather['New York']) },
    months: { Seattle: months(weather.Seattle), 'New York': months(weather['New York']) },
  }
}
