import { expect, test } from 'vitest'
import { Connection } from '../../packages/uketsuke/src/store/sqlite/connection.ts'
import { migrate } from '../../packages/uketsuke/src/store/sqlite/migrations/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import * as queries from '../../packages/uketsuke/src/store/sqlite/queries.ts'
import { unclaimed } from '../../packages/uketsuke/src/store/sqlite/unclaimed.ts'

/** An in-memory database with twenty jobs of each of our types and `foreign` older waiting jobs of other types. */
async function filled(foreign: number) {
  const raw = await open(':memory:')
  const db = new Connection(raw)
  await migrate(db, ':memory:')
  const fill = (type: string, count: number, due: number) =>
    raw.exec(`WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count})
      INSERT INTO jobs (id, queue, type, owner, priority, status, version, attempt, max_attempts, progress, created_at, run_at, retain_for, input)
      SELECT '${type}-' || n, 'jobs', '${type}', 'o', CASE n % 3 WHEN 0 THEN 'high' ELSE 'normal' END, 'pending', 1, 0, 3, 0, n, ${due} + n, 1, '{}' FROM n`)
  for (const type of ['mine', 'yours']) fill(type, 20, 1_000_000)
  if (foreign > 0) for (const type of ['another', 'nobodys', 'zebra']) fill(type, foreign / 3, 0)
  return db
}

const verbs = {
  'a claim of one type': (db: Connection) => queries.claim(db, { ...claim, types: ['mine'] }, now).length,
  'a claim of several types': (db: Connection) => queries.claim(db, { ...claim, types: ['mine', 'yours'] }, now).length,
  'looking ahead': (db: Connection) => queries.nextDue(db, 'jobs', ['mine', 'yours']),
  'a queue position': (db: Connection) => queries.position(db, { id: 'mine-20' } as never, now),
  'job types without a worker': (db: Connection) => unclaimed(db, now, 0).length,
}
const now = 2_000_000
const claim = { queue: 'jobs', limit: 10, worker: 'w', leaseMs: 30_000 } as const

test('each statement reads a range of the index, not the backlog of other types', async () => {
  const db = await filled(0)
  const texts = new Set<string>()
  const spy = (sql: string, parameters: unknown[]) =>
    void (sql.includes('jobs') && texts.add(JSON.stringify([sql, parameters])))
  for (const verb of ['all', 'tuples', 'get'] as const) {
    const own = db[verb].bind(db) as (sql: string, ...parameters: never[]) => unknown
    Object.assign(db, {
      [verb]: (sql: string, ...parameters: never[]) => {
        spy(sql, parameters)
        return own(sql, ...parameters)
      },
    })
  }
  for (const verb of Object.values(verbs)) verb(db)
  expect(texts.size).toBeGreaterThan(5)
  for (const text of [...texts]) {
    const [sql, parameters] = JSON.parse(text) as [string, never[]]
    const plan = (db.all(`EXPLAIN QUERY PLAN ${sql}`, ...parameters) as { detail: string }[]).map(
      ({ detail }) => detail,
    )
    for (const line of plan.filter((one) => one.includes('jobs_due'))) {
      // The query for the next type is the only search without an equality on the type.
      expect(line, sql).toMatch(
        /SEARCH jobs USING (COVERING )?INDEX jobs_due \(queue=\? AND priority=\?( AND type[=>]\?.*)?\)/,
      )
      if (!/SELECT type FROM jobs INDEXED BY jobs_due/.test(sql)) expect(line, sql).toContain('type=?')
    }
    expect(plan.join(), sql).not.toMatch(/SCAN jobs\b/)
  }
  await db.close()
})

test.each(Object.entries(verbs))(
  '%s takes at most ten times as long, or 3 ms, beside 150,000 jobs of other types',
  async (about, verb) => {
    const [alone, beside] = [await filled(0), await filled(150_000)]
    const fastest = (db: Connection) => {
      let best = Number.POSITIVE_INFINITY
      for (let n = 0; n < 15; n++) {
        db.run('SAVEPOINT probe')
        const began = performance.now()
        verb(db)
        best = Math.min(best, performance.now() - began)
        db.run('ROLLBACK TO probe')
        db.run('RELEASE probe')
      }
      return best
    }
    // Queries for our types only return the same result.
    if (about.startsWith('a claim') || about === 'looking ahead') expect(verb(beside)).toEqual(verb(alone))
    // A scan of the backlog would take hundreds of times as long.
    expect(fastest(beside)).toBeLessThan(Math.max(3, 10 * fastest(alone)))
    await Promise.all([alone.close(), beside.close()])
  },
)
