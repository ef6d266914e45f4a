import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createJobs } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { liveUnder } from '../jobs/fake-timers.ts'
import { atEnd } from '../jobs/setup.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { until } from '../until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

const minutes = 60_000

/** Starts a process with a wrong clock, and returns the ids of the jobs that it enqueued. */
async function start(skew: number, url: string): Promise<Record<string, string>> {
  const program = fileURLToPath(new URL('wrong-clock.mjs', import.meta.url))
  const child: ChildProcess = fork(program, [url], {
    env: { ...process.env, CLOCK_SKEW: String(skew) },
    execArgv: ['--import', new URL('../crash/shift-clock.mjs', import.meta.url).href],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  atEnd(async () => {
    const gone = once(child, 'exit')
    child.disconnect()
    await gone
  })
  const [made] = (await once(child, 'message')) as [Record<string, string>]
  return made
}

test.each([-10 * minutes, 10 * minutes])(
  'stores times by the database’s clock when the clock of a process is wrong by %i ms',
  async (skew) => {
    const url = await server.create()
    const made = await start(skew, url)
    /** Times of one job, in milliseconds relative to the database's clock. */
    const about = async (name: string) => {
      const sql = `SELECT status, created_at - now AS created, run_at - now AS run, rank / 1000 - now AS due, started_at - now AS started,
        completed_at - now AS completed, expires_at - completed_at - retain_for AS kept
      FROM uketsuke.jobs, (SELECT extract(epoch FROM now()) * 1000 AS now) AS clock WHERE id = '${made[name]}'`
      const [row] = (await server.query(sql, url)).rows
      return Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key, key === 'status' || value === null ? value : Number(value)]),
      )
    }
    const near = (value: unknown, ms: number, within = 5_000) =>
      expect(Math.abs(Number(value) - ms)).toBeLessThan(within)

    const ended = await until(async () => {
      const found = await about('now')
      return found.status === 'completed' ? found : null
    })
    for (const time of [ended.created, ended.run, ended.started, ended.completed]) near(time, 0)
    expect(ended.kept).toBe(0)
    for (const name of ['later', 'keyed']) {
      const later = await about(name)
      near(later.due, minutes)
      near(later.run, minutes)
    }
    const keys = `SELECT expires_at - extract(epoch FROM now()) * 1000 AS left FROM uketsuke.idempotency_keys`
    near((await server.query(keys, url)).rows[0].left, 24 * 60 * minutes)
    const failed = await until(async () => {
      const found = await about('failing')
      return found.run !== null && Number(found.run) > 10_000 ? found : null
    })
    // The backoff is half fixed and half jitter.
    near(failed.due, 75_000, 30_000)

    // The worker has died. By the database's clock, its lease has not expired for one job and has expired for the other.
    const lease = (id: string, ms: number) =>
      server.query(
        `WITH taken AS (DELETE FROM uketsuke.pending WHERE id = '${id}' RETURNING *)
         INSERT INTO uketsuke.running (id, queue, type, run_at, version, attempt, progress, worker, started_at, lease_until)
         SELECT id, queue, type, run_at, version + 1, 1, 0, 'gone', extract(epoch FROM now()) * 1000, extract(epoch FROM now()) * 1000 + ${ms}
         FROM taken`,
        url,
      )
    await lease(made.later!, minutes)
    await lease(made.keyed!, -1)
    await until(async () => (await about('keyed')).status === 'completed')
    expect((await about('later')).status).toBe('running')
  },
)

afterEach(() => void vi.useRealTimers())

test('accepts, runs, follows and closes under fake timers', async () => {
  await liveUnder(() => void vi.useFakeTimers(), createJobs, postgres(await server.create()))
})
