import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { figures, months, sum } from './figures.ts'
import { contents } from './pages/index.ts'
import { letterhead, type Report } from './pages/page.ts'
import type { Range } from './range.ts'
import { Sheet } from './sheet.ts'
import { readWeather } from './weather.ts'
import { shortDate } from './write.ts'

export interface Order {
  /** The job id, used as the file name. */
  readonly ticket: string
  readonly range: Range
  readonly folder: string
  /** Milliseconds before each page. */
  readonly pace: number
  readonly signal: AbortSignal
  readonly progress: (percent: number, message: string) => void
}

export interface Generated {
  readonly pages: number
  /** The number of daily records for both cities. */
  readonly rows: number
  readonly bytes: number
}

export const reportFile = (folder: string, ticket: string) => join(folder, `${ticket}.pdf`)

/** Reads the data, computes the statistics, and writes the PDF page by page. */
export async function generateReport({ ticket, range, folder, pace, signal, progress }: Order): Promise<Generated> {
  progress(1, 'Reading the weather data')
  const report = await read(ticket, range)
  const pages = contents(report.months.Seattle)
  progress(4, 'Computing statistics')
  const sheet = new Sheet(
    `Weather of Seattle and New York, ${shortDate(range.startDate)} to ${shortDate(range.endDate)}`,
  )
  const part = await emptyPart(folder, ticket)
  try {
    const written = pipeline(sheet.doc, createWriteStream(part), { signal })
    await Promise.all([written, draw().catch(abandon)])
    // A job can run twice. Renaming is atomic, so readers never see a partial PDF, and a second run replaces the file.
    await rename(part, reportFile(folder, ticket))
  } finally {
    await rm(part, { force: true })
  }
  const { size } = await stat(reportFile(folder, ticket))
  return { pages: pages.length, rows: sum(Object.values(report.weather).map((days) => days.length)), bytes: size }

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

/** Returns a temporary file name for this run, and removes the files that killed runs of the job left behind. */
async function emptyPart(folder: string, ticket: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const left = (await readdir(folder)).filter((name) => name.startsWith(`${ticket}.`) && name.endsWith('.part'))
  await Promise.all(left.map((name) => rm(join(folder, name), { force: true })))
  return join(folder, `${ticket}.${process.pid}.part`)
}
