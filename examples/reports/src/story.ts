import { setTimeout as sleep } from 'node:timers/promises'
import type { JobContext } from 'uketsuke'
import { readWeather } from './report/weather.ts'

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

/** Tells the weather of a year, word by word, as a language model would write it. */
export async function tellWeather({ input, output, progress, signal }: JobContext<{ year: number; pace: number }>) {
  const { year, pace } = input
  const words = (await story(year)).match(/\S+\s*/g) ?? []
  for (const [index, word] of words.entries()) {
    await output.write(word)
    progress((100 * index) / words.length, `Word ${index + 1} of ${words.length}`)
    await sleep(pace, undefined, { signal })
  }
  return { words: words.length }
}

async function story(year: number): Promise<string> {
  const { Seattle } = await readWeather({ startDate: `${year}-01-01`, endDate: `${year}-12-31` })
  const paragraphs = months.map((name, index) => {
    const days = Seattle.filter(({ date }) => Number(date.slice(5, 7)) === index + 1)
    const wet = days.filter(({ rain }) => rain > 0)
    const warmest = days.reduce((one, other) => (other.high > one.high ? other : one))
    const coldest = days.reduce((one, other) => (other.low < one.low ? other : one))
    const day = (date: string) =>
      `the ${Number(date.slice(8))}th`.replace(
        /(?<!1)([123])th$/,
        (_, last) => last + ['st', 'nd', 'rd'][Number(last) - 1],
      )
    return (
      `In ${name}, it rained on ${wet.length} of ${days.length} days, ${Math.round(wet.reduce((sum, { rain }) => sum + rain, 0))} mm in all. ` +
      `The warmest day was ${day(warmest.date)}, with ${warmest.high.toFixed(1)} °C, and the coldest night that of ${day(coldest.date)}, with ${coldest.low.toFixed(1)} °C.`
    )
  })
  return `The weather of Seattle in ${year}.\n\n${paragraphs.join('\n\n')}\n`
}
