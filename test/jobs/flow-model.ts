import fc from 'fast-check'
import { expect } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, type StoreFactory, silentLog } from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { until } from '../until.ts'
import { gate, visible } from './setup.ts'

/** Random commands on uniqueness, limits, priorities, pausing and schedules, and a model that predicts which handlers run after each. */

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const period = 10 * minute
/** Starts of a rate limit count for up to 1 % longer than its period. */
const late = period / 100
const limit = { limited: 2, rated: 3 }
const names = ['plain', 'single', 'limited', 'rated'] as const
const owners = ['ada', 'ben'] as const
type Name = (typeof names)[number]
/** Most of what can go wrong goes wrong with limits. */
const anyType = fc.constantFrom(...names, 'limited' as const, 'limited' as const)

type Command =
  | { do: 'enqueue'; type: Name; owner: (typeof owners)[number]; high: boolean; delay: number }
  | { do: 'end'; nth: number; how: 'complete' | 'fail' }
  | { do: 'cancel'; nth: number }
  | { do: 'pause'; type: Name }
  | { do: 'resume'; type: Name }
  | { do: 'pass'; ms: number }
  | { do: 'set' | 'remove' | 'stop' | 'continue' | 'run'; schedule: 'often' | 'rarely' }

const command = (withTime: boolean): fc.Arbitrary<Command> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('enqueue' as const),
        type: anyType,
        owner: fc.constantFrom(...owners),
        high: fc.boolean(),
        delay: withTime ? fc.constantFrom(0, 0, 90 * second) : fc.constant(0),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        nth: fc.nat(20),
        how: fc.constantFrom('complete' as const, 'fail' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), nth: fc.nat(20) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('pause' as const, 'resume' as const),
        type: anyType,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: withTime
          ? fc.constantFrom('set', 'set', 'remove', 'stop', 'continue', 'run')
          : fc.constantFrom('set', 'run'),
        schedule: fc.constantFrom('often' as const, 'rarely' as const),
      }) as fc.Arbitrary<Command>,
    },
    ...(withTime
      ? [
          {
            weight: 3,
            arbitrary: fc.record({
              do: fc.constant('pass' as const),
              ms: fc.constantFrom(2 * minute, 5 * minute, 11 * minute),
            }),
          },
        ]
      : []),
  )

interface Waiting {
  id: string
  type: Name
  owner: string
  high: boolean
  due: number
}

/** What should be: who waits, who runs, and who started when. */
class Model {
  now: number
  waiting: Waiting[] = []
  running: Waiting[] = []
  readonly paused = new Set<Name>()
  readonly schedules = new Map<string, { every: number; active: boolean }>()
  readonly #starts = new Map<string, number[]>()

  constructor(now: number) {
    this.now = now
  }

  holder(type: Name, owner: string): Waiting | undefined {
    if (type !== 'single') return undefined
    return [...this.waiting, ...this.running].find((one) => one.type === type && one.owner === owner)
  }

  /** Starts what may run. `observed` decides where a start of a rate limit may or may not count any more. */
  start(observed: ReadonlySet<string>): void {
    const inOrder = [...this.waiting].sort((a, b) => Number(b.high) - Number(a.high))
    for (const one of inOrder) {
      if (one.due > this.now || this.paused.has(one.type) || !this.#hasRoom(one, observed)) continue
      this.waiting = this.waiting.filter(({ id }) => id !== one.id)
      this.running.push(one)
      const key = `${one.type} ${one.owner}`
      this.#starts.set(key, [...(this.#starts.get(key) ?? []), this.now])
    }
  }

  #hasRoom({ id, type, owner }: Waiting, observed: ReadonlySet<string>): boolean {
    if (type === 'limited') {
      return this.running.filter((one) => one.type === type && one.owner === owner).length < limit.limited
    }
    if (type !== 'rated') return true
    const starts = this.#starts.get(`${type} ${owner}`) ?? []
    const since = (time: number) => starts.filter((at) => at > time).length
    if (since(this.now - period) >= limit.rated) return false
    return since(this.now - period - late) < limit.rated || observed.has(id)
  }

  /** The times at which active schedules are due from now to `then`. */
  ticks(then: number): number {
    let count = 0
    for (const { every, active } of this.schedules.values()) {
      if (active) count += Math.floor(then / every) - Math.floor(this.now / every)
    }
    return count
  }
}

const every = { owner: allOwners as typeof allOwners }
const crons = {
  often: { cron: '*/5 * * * *', every: 5 * minute },
  rarely: { cron: '*/10 * * * *', every: 10 * minute },
}

/** Runs commands on a store and on the model. Time only passes on stores that follow the clock of the test. */
async function run(commands: readonly Command[], store: StoreFactory): Promise<void> {
  const clock = manualClock(Date.parse('2026-03-01T00:01:00Z'))
  const held = new Map<string, (error?: Error) => void>()
  const hold = async ({ jobId, signal }: { jobId: string; signal: AbortSignal }) => {
    const { open, passed } = gate<Error | undefined>()
    held.set(jobId, open)
    signal.addEventListener('abort', () => open(new Error('Aborted.')))
    const error = await passed
    held.delete(jobId)
    if (error) throw error
  }
  const input = z.object({})
  const key = ({ owner }: { owner: string }) => owner
  const common = { input, maxAttempts: 1, timeout: 48 * hour, run: hold }
  const { store: shown, opened } = visible(store)
  const jobs = createJobs({
    jobs: {
      plain: job(common),
      single: job({ ...common, unique: { key } }),
      limited: job({ ...common, concurrency: { limit: limit.limited, key } }),
      rated: job({ ...common, rateLimit: { limit: limit.rated, per: period, key } }),
    },
    store: shown,
    clock,
    log: silentLog,
  })
  const model = new Model(clock.now())
  const scheduled = new Set<string>()

  /** Finds the jobs that schedules have made: as many as the model says, and no time twice. */
  const find = async (count: number) => {
    const found = async () => {
      const made: Waiting[] = []
      let cursor: string | null = null
      do {
        const page = await jobs.list({ owner: 'system', limit: 100, ...(cursor !== null && { cursor }) })
        const fresh = page.items.filter(({ jobId }) => !scheduled.has(jobId))
        for (const { jobId: id } of fresh)
          made.push({ id, type: 'plain', owner: 'system', high: false, due: model.now })
        cursor = fresh.length === page.items.length ? page.nextCursor : null
      } while (cursor !== null)
      return made
    }
    await until(async () => (await found()).length >= count, `${count} scheduled jobs`)
    const made = await found()
    expect(made.length).toBe(count)
    for (const one of made) scheduled.add(one.id)
    model.waiting.push(...made.reverse())
  }

  const apply = async (command: Command): Promise<void> => {
    if (command.do === 'enqueue') {
      const { type, owner, high } = command
      const delay = type === 'plain' ? command.delay : 0
      const holder = model.holder(type, owner)
      const made = await jobs.enqueue(type, {}, { owner, priority: high ? 'high' : 'normal', delay })
      expect([made.created, holder?.id ?? made.jobId]).toEqual([holder === undefined, made.jobId])
      if (holder === undefined) model.waiting.push({ id: made.jobId, type, owner, high, due: model.now + delay })
    } else if (command.do === 'end') {
      const one = model.running[command.nth % Math.max(1, model.running.length)]
      if (one === undefined) return
      model.running = model.running.filter(({ id }) => id !== one.id)
      held.get(one.id)?.(command.how === 'fail' ? new Error('It broke.') : undefined)
      const status = command.how === 'fail' ? 'failed' : 'completed'
      await until(async () => (await jobs.get(one.id, every))?.status === status, `${one.id} has ${status}`)
    } else if (command.do === 'cancel') {
      const one = model.waiting[command.nth % Math.max(1, model.waiting.length)]
      if (one === undefined) return
      model.waiting = model.waiting.filter(({ id }) => id !== one.id)
      expect((await jobs.cancel(one.id, every))?.status).toBe('cancelled')
    } else if (command.do === 'pause' || command.do === 'resume') {
      // An admission is a commit of its own: it decides which of the jobs that wait for the end of a pause go first.
      if (command.do === 'resume') await until(async () => (await opened().keysWithRoom(names, 1)).length === 0)
      await jobs[command.do](command.type)
      if (command.do === 'pause') model.paused.add(command.type)
      else model.paused.delete(command.type)
      // Every worker sees it within a second. It is not a whole minute, so no schedule is due.
      await clock.advance(second)
      model.now += second
    } else if (command.do === 'pass') {
      const then = model.now + command.ms
      const ticks = model.ticks(then)
      await clock.advance(command.ms)
      model.now = then
      await find(ticks)
    } else {
      await applyToSchedule(command.do, command.schedule)
    }
  }

  const applyToSchedule = async (what: 'set' | 'remove' | 'stop' | 'continue' | 'run', name: 'often' | 'rarely') => {
    const schedule = model.schedules.get(name)
    const { cron, every } = crons[name]
    if (what === 'set') {
      await jobs.schedules.set(name, { type: 'plain', input: {}, cron })
      model.schedules.set(name, { every, active: schedule?.active ?? true })
    } else if (what === 'remove') {
      if (schedule === undefined) await expect(jobs.schedules.remove(name)).rejects.toMatchObject({ code: 'not-found' })
      else await jobs.schedules.remove(name)
      model.schedules.delete(name)
    } else if (schedule === undefined) {
      return
    } else if (what === 'run') {
      await jobs.schedules.run(name)
      await find(1)
    } else {
      await (what === 'stop' ? jobs.schedules.pause(name) : jobs.schedules.resume(name))
      schedule.active = what === 'continue'
    }
  }

  const same = () => {
    const expected = model.running.map(({ id }) => id).sort()
    return JSON.stringify([...held.keys()].sort()) === JSON.stringify(expected)
  }
  try {
    await jobs.work({ concurrency: 1_000 })
    for (const command of commands) {
      await apply(command)
      const settled = () => {
        model.start(new Set(held.keys()))
        return same()
      }
      const told = () =>
        JSON.stringify({ command, running: model.running, waiting: model.waiting, held: [...held.keys()] })
      await until(settled, 'the handlers of the model run', { ms: 10_000, more: told })
    }
    // What should not run does not begin later either.
    await clock.advance(3 * second)
    model.now += 3 * second
    expect([...held.keys()].sort()).toEqual(model.running.map(({ id }) => id).sort())
  } finally {
    const closed = jobs.close()
    await clock.advance(25 * second)
    await closed
  }
}

/** How many random histories. `FLOW_RUNS=1000` is the long proof. */
export async function followsTheModel(open: () => Promise<StoreFactory>, options: { runs: number; withTime: boolean }) {
  const runs = Number(process.env.FLOW_RUNS ?? options.runs)
  await fc.assert(
    fc.asyncProperty(fc.array(command(options.withTime), { minLength: 20, maxLength: 50 }), async (commands) =>
      run(commands, await open()),
    ),
    { numRuns: runs, endOnFailure: process.env.FLOW_SHRINK === undefined },
  )
}
