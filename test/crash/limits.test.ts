import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startPostgres } from '../servers/postgres.ts'
import { until } from '../until.ts'
import { endAll, finally_, folder, Program, post, type Role } from './support.ts'

afterEach(endAll)

/** How long processes are killed. `LIMITS_MINUTES=10` is the long proof. */
const minutes = Number(process.env.LIMITS_MINUTES ?? 0.15)
const limit = 3
const keys = ['a', 'b', 'c', 'd']
/** Longer than a pause of a busy machine, in milliseconds. */
const lease = 3_000

interface Note {
  what: 'start' | 'end'
  key: string
  jobId: string
  pid: number
  /** In milliseconds, by the clock of `process.hrtime`. */
  at: number
}

/** The most handlers of each key at a time. Those of a killed process ended with it. */
function most(notes: readonly Note[], killed: ReadonlyMap<number, number>): Map<string, number> {
  const open = new Map<string, Note>()
  const steps: { at: number; key: string; by: number }[] = []
  const end = (note: Note, at: number) => steps.push({ at, key: note.key, by: -1 })
  for (const note of notes) {
    const id = `${note.jobId} ${note.pid}`
    const before = open.get(id)
    if (before !== undefined) end(before, note.at)
    open.delete(id)
    if (note.what === 'end') continue
    open.set(id, note)
    steps.push({ at: note.at, key: note.key, by: 1 })
  }
  for (const note of open.values()) end(note, killed.get(note.pid) ?? Number.POSITIVE_INFINITY)
  steps.sort((a, b) => a.at - b.at || a.by - b.by)
  const [now, highest] = [new Map<string, number>(), new Map<string, number>()]
  for (const { key, by } of steps) {
    now.set(key, (now.get(key) ?? 0) + by)
    highest.set(key, Math.max(highest.get(key) ?? 0, now.get(key) ?? 0))
  }
  return highest
}

/** The longest time, in milliseconds, for which a key had a job waiting and a place free. */
function longestIdle(notes: readonly Note[], accepted: ReadonlyMap<string, { key: string; at: number }>): number {
  const steps: { at: number; key: string; waiting: number; running: number }[] = []
  const started = new Set<string>()
  for (const [, { key, at }] of accepted) steps.push({ at, key, waiting: 1, running: 0 })
  for (const { what, key, jobId, at } of notes) {
    if (!accepted.has(jobId)) continue
    if (what === 'start') steps.push({ at, key, waiting: started.has(jobId) ? 0 : -1, running: 1 })
    if (what === 'start') started.add(jobId)
    else steps.push({ at, key, waiting: 0, running: -1 })
  }
  steps.sort((a, b) => a.at - b.at)
  let longest = 0
  const state = new Map(keys.map((key) => [key, { waiting: 0, running: 0, since: Number.POSITIVE_INFINITY }]))
  for (const step of steps) {
    const key = state.get(step.key)
    if (key === undefined) continue
    key.waiting += step.waiting
    key.running += step.running
    if (key.since < step.at) longest = Math.max(longest, step.at - key.since)
    const idle = key.waiting > 0 && key.running < limit
    key.since = idle ? Math.min(key.since, step.at) : Number.POSITIVE_INFINITY
  }
  return longest
}

const now = () => Number(process.hrtime.bigint()) / 1e6

test.each(['SQLite', 'PostgreSQL'])(
  'on %s, no key has more handlers at a time than its limit while workers are killed, and every job completes',
  async (engine) => {
    const log = join(folder(), 'notes.jsonl')
    let store: Pick<Role, 'file' | 'database'> = { file: join(folder(), 'jobs.db') }
    if (engine === 'PostgreSQL') {
      const server = await startPostgres()
      finally_(() => server.stop())
      store = { database: { connectionString: server.url() } }
    }
    const api = await Program.start({ ...store, api: true, lease })
    // On PostgreSQL, the clocks of the machines need not agree.
    const skews = engine === 'PostgreSQL' ? [-120_000, 0, 120_000] : [0, 0, 0]
    const start = (n: number) => Program.start({ ...store, work: { concurrency: 8 }, lease, skew: skews[n] ?? 0 })
    const workers = await Promise.all(skews.map((_, n) => start(n)))
    const killed = new Map<number, number>()
    let jobs = 0
    const ask = async (each: number): Promise<Map<string, { key: string; at: number }>> => {
      const wanted = Array.from({ length: each * keys.length }, (_, n) => ({
        key: keys[n % keys.length] ?? '',
        log,
        ms: 20 + (n % 5) * 10,
      }))
      const answers = await Promise.all(wanted.map((input) => post(api.url ?? '', 'limited', input)))
      const at = now()
      jobs += wanted.length
      const ids = answers.map(async (answer, n) => {
        expect(answer.status).toBe(202)
        const { jobId } = (await answer.json()) as { jobId: string }
        return [jobId, { key: wanted[n]?.key ?? '', at }] as const
      })
      return new Map(await Promise.all(ids))
    }
    const over = Date.now() + minutes * 60_000
    for (let round = 0; Date.now() < over; round++) {
      await ask(10)
      await new Promise((resolve) => setTimeout(resolve, 400))
      const victim = round % workers.length
      if (round % 3 === 2) {
        await workers[victim]?.kill()
        killed.set(workers[victim]?.pid ?? 0, now())
        workers[victim] = await start(victim)
      }
    }
    const read = () =>
      (existsSync(log) ? readFileSync(log, 'utf8') : '')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as Note)
    const ended = () => new Set(read().flatMap(({ what, jobId }) => (what === 'end' ? [jobId] : []))).size
    await until(() => ended() === jobs, 'all jobs end', { ms: 120_000 })
    // Nobody is killed any more, so no place is held by a dead process.
    const accepted = await ask(150)
    await until(() => ended() === jobs, 'all jobs end', { ms: 120_000 })
    const notes = read()
    const highest = most(notes, killed)
    const idle = longestIdle(notes, accepted)
    console.info(engine, { jobs, kills: killed.size, highest: Object.fromEntries(highest), idle })
    expect(idle).toBeLessThan(1_500)
    for (const key of keys) expect([key, highest.get(key)]).toEqual([key, limit])
    expect(killed.size).toBeGreaterThan(0)
  },
  minutes * 60_000 + 240_000,
)
