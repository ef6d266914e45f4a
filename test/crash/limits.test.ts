import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startPostgres } from '../servers/postgres.ts'
import { until } from '../until.ts'
import { endAll, finally_, folder, Program, post, type Role } from './support.ts'

afterEach(endAll)

/** How long processes are killed. `LIMITS_MINUTES=10` is the long proof. */
const minutes = Number(process.env.LIMITS_MINUTES ?? 0.25)
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
    const over = Date.now() + minutes * 60_000
    let jobs = 0
    for (let round = 0; Date.now() < over; round++) {
      const wanted = Array.from({ length: 40 }, (_, n) => ({ key: keys[n % keys.length], log, ms: 20 + (n % 5) * 10 }))
      const answers = await Promise.all(wanted.map((input) => post(api.url ?? '', 'limited', input)))
      for (const answer of answers) expect(answer.status).toBe(202)
      jobs += wanted.length
      await new Promise((resolve) => setTimeout(resolve, 400))
      const victim = round % workers.length
      if (round % 3 === 2) {
        await workers[victim]?.kill()
        killed.set(workers[victim]?.pid ?? 0, Number(process.hrtime.bigint()) / 1e6)
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
    const highest = most(read(), killed)
    console.info(engine, { jobs, kills: killed.size, highest: Object.fromEntries(highest) })
    for (const key of keys) expect([key, highest.get(key)]).toEqual([key, limit])
    expect(killed.size).toBeGreaterThan(0)
  },
  minutes * 60_000 + 240_000,
)
