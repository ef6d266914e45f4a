import { expect, test } from 'vitest'
import type { AcceptRequest } from '../../packages/uketsuke/src/accept/request.ts'
import type { Clock } from '../../packages/uketsuke/src/base/clock.ts'
import { create } from '../../packages/uketsuke/src/domain/rules.ts'
import { silentLog } from '../../packages/uketsuke/src/index.ts'
import { Schedules } from '../../packages/uketsuke/src/schedule/schedules.ts'
import { Ticker } from '../../packages/uketsuke/src/schedule/ticker.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import type { RecordStore } from '../../packages/uketsuke/src/store/records.ts'
import { seeded } from '../crash/support.ts'

/** `SCHEDULE_YEARS=10 SCHEDULE_ZONES=all` simulates ten years of every zone, which takes more than an hour. */
const years = Number(process.env.SCHEDULE_YEARS ?? 1)
const all = Intl.supportedValuesOf('timeZone')
const some = [
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'Antarctica/Troll',
  'America/Santiago',
  'Asia/Beirut',
  'Africa/Casablanca',
]
const zones = process.env.SCHEDULE_ZONES === 'all' ? all : some.filter((zone) => all.includes(zone))
const day = 24 * 60 * 60_000
const start = Date.UTC(2017, 0, 1)

/** Processes that tick at the same time, and die at any point of a turn. Resolves with the times of all jobs that were created. */
async function simulate(timezone: string, cron: string, chance: () => number): Promise<number[]> {
  let now = start
  const clock: Clock = { now: () => now, after: () => () => {} }
  const store = memory()(clock)
  const created: number[] = []
  const crash = () => {
    if (chance() < 0.1) throw new Error('The process died.')
  }
  const records: RecordStore = {
    ...store.records,
    async update(...asked) {
      crash()
      const value = await store.records.update(...asked)
      crash()
      return value
    },
  }
  let ids = 0
  const accept = async ({ owner, type, metadata, idempotency }: AcceptRequest) => {
    crash()
    const job = create(
      { id: `job-${++ids}`, type: String(type), owner, input: '{}', maxAttempts: 1, retainFor: day },
      now,
    )
    const key = { ...idempotency!, fingerprint: '', expiresAt: now + 2 * day }
    const [inserted] = await store.insert([{ job, key }])
    if (inserted!.created) created.push(Date.parse((metadata as { scheduledAt: string }).scheduledAt))
    crash()
    return { job: inserted!.job!, created: inserted!.created, deduplicated: false }
  }
  const process = () => {
    const parts = { clock, ready: async () => {}, check: async () => {}, changed: () => {}, accept }
    const schedules = new Schedules({ ...parts, records })
    return new Ticker({ ...parts, schedules, log: silentLog, knows: () => true })
  }
  const setup = new Schedules({
    records: store.records,
    clock,
    ready: async () => {},
    check: async () => {},
    changed: () => {},
    accept,
  })
  await setup.set('s', { type: 't', input: {}, cron, timezone, missed: 'all' })
  const end = start + years * 365 * day
  for (let tickers = [process(), process()]; now < end; ) {
    // Sometimes nothing runs for days.
    now = Math.min(end, now + (chance() < 0.02 ? chance() * 3 * day : chance() * 0.5 * day))
    await Promise.all(tickers.map((one) => one.tick()))
    if (chance() < 0.2) tickers = Array.from({ length: 1 + Math.floor(chance() * 3) }, process)
  }
  // Whatever was cut off is done by a process that does not die.
  chance = () => 1
  await process().tick()
  return created.sort((a, b) => a - b)
}

test.each(['30 2 * * *', '30 0 * * *'])(
  'every local day of every zone has one job, whatever crashes: %s',
  async (cron) => {
    for (const [i, zone] of zones.entries()) {
      const seed = i + 1
      const created = await simulate(zone, cron, seeded(seed))
      const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone })
      const dates = created.map((at) => format.format(at))
      const [first, last] = [dates[0], dates.at(-1)].map((date) => Date.parse(`${date}T00:00Z`))
      const expected = Array.from({ length: (last! - first!) / day + 1 }, (_, n) =>
        new Date(first! + n * day).toISOString().slice(0, 10),
      )
      expect(dates, `${zone}, seed ${seed}`).toEqual(expected)
      expect(expected.length, zone).toBeGreaterThan(years * 365 - 3)
    }
  },
  3_600_000,
)
