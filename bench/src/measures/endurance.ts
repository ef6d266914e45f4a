import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import { exactlyOnce, type RunCounts, runCounts, Tally } from '../tally.ts'
import { type ChildContext, type Measure, withWorkers } from './port.ts'
import { allFinished, payload } from './workload.ts'

interface Endured {
  /** Jobs whose handler ran in each minute. */
  minutes: number[]
  made: number
  counts: RunCounts
  durability: string
}

/** Calls in flight at most, so that a system that cannot keep up is measured by its own rate. */
const mostInFlight = 400
const tick = 10

/** The rate of the last sixth of the run, divided by that of the first sixth. */
function decline(minutes: readonly number[]): number {
  const part = Math.max(1, Math.floor(minutes.length / 6))
  const sum = (some: readonly number[]) => some.reduce((all, one) => all + one, 0)
  return sum(minutes.slice(-part)) / sum(minutes.slice(0, part))
}

export const endurance: Measure = {
  name: 'endurance',
  title: 'Endurance',
  about:
    'One process runs jobs and enqueues `--pace` jobs a second for `--minutes` minutes. The rate of the last five minutes of thirty is divided by that of the first five.',
  rounds: 1,
  short: false,
  onlyByName: true,
  figures: [
    { key: 'rate', title: 'jobs/s', better: 'higher', digits: 0 },
    { key: 'ratio', title: 'last ÷ first', better: 'higher', digits: 2 },
  ],
  entries: withWorkers,
  async run({ spawn }) {
    const { minutes, made, counts, durability } = (await spawn('worker').result()) as Endured
    exactlyOnce(made, counts)
    const rate = minutes.reduce((all, one) => all + one, 0) / (60 * minutes.length)
    return { durability, figures: { rate, ratio: decline(minutes) } }
  },
  roles: { worker },
}

async function worker({ open, settings }: ChildContext): Promise<Endured> {
  const queue = await open()
  const tally = new Tally()
  const stop = await queue.work((job) => tally.mark(job))
  const begun = now()
  const end = begun + settings.minutes * 60_000
  const minutes: number[] = []
  let [made, inFlight, failure] = [0, 0, null as unknown]
  for (let ranBefore = 0; now() < end; await sleep(tick)) {
    const due = ((now() - begun) / 1_000) * settings.pace
    for (; made < due && inFlight < mostInFlight; made++) {
      inFlight++
      queue
        .enqueue(payload(made))
        .catch((error: unknown) => {
          failure = error
        })
        .finally(() => inFlight--)
    }
    if (failure !== null) throw failure
    if (now() - begun < (minutes.length + 1) * 60_000) continue
    minutes.push(tally.runs - ranBefore)
    ranBefore = tally.runs
  }
  while (inFlight > 0) await sleep(tick)
  if (failure !== null) throw failure
  if (minutes.length === 0) minutes.push(tally.runs)
  await allFinished(queue, tally, made)
  const durability = await queue.durability()
  await stop()
  const counts = runCounts(tally, await queue.counts())
  await queue.close()
  return { minutes, made, counts, durability }
}
