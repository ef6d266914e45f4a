import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { performance } from '../../packages/uketsuke/src/base/timers.ts'
import { UketsukeError } from '../../packages/uketsuke/src/domain/errors.ts'
import { create } from '../../packages/uketsuke/src/domain/rules.ts'
import { batched } from '../../packages/uketsuke/src/store/batch-queue.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { type Database, open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'uketsuke-files-'))
afterAll(() => rmSync(folder, { recursive: true }))

const clock = manualClock()
const job = (id: string, input = '{}') =>
  create({ id, type: 'report', owner: 'ann', input, maxAttempts: 3, retainFor: 1_000 }, clock.now())

async function refusal(path: string): Promise<string> {
  const error = await sqlite(path)(clock)
    .migrate()
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(UketsukeError)
  expect((error as UketsukeError).code).toBe('store-unusable')
  expect((error as UketsukeError).message).toContain(`"${path}`)
  return (error as UketsukeError).message
}

async function raw(path: string, work: (db: Database) => void): Promise<void> {
  const db = await open(path)
  try {
    work(db)
  } finally {
    db.close()
  }
}

describe('an unusable path is rejected with the reason and the remedy', () => {
  it('a directory', async () => {
    const path = join(folder, 'directory')
    mkdirSync(path)
    expect(await refusal(path)).toMatch(/is a directory: specify a file in it/)
  })

  it('a folder that does not exist', async () => {
    expect(await refusal(join(folder, 'absent', 'jobs.db'))).toMatch(/the folder ".*absent" does not exist: create it/)
  })

  it('a file that is not a database', async () => {
    const path = join(folder, 'text.db')
    writeFileSync(path, 'This is a shopping list, and a long one.\n'.repeat(500))
    expect(await refusal(path)).toMatch(/not a SQLite database/)
  })

  it('a damaged database', async () => {
    const path = join(folder, 'damaged.db')
    const store = sqlite(path)(clock)
    await store.migrate()
    await store.close()
    const size = statSync(path).size
    writeFileSync(path, Buffer.alloc(size - 100, 0x5a), { flag: 'r+' })
    expect(await refusal(path)).toMatch(/damaged: use another path, or restore a backup/)
  })

  it('another program’s database', async () => {
    const path = join(folder, 'foreign.db')
    await raw(path, (db) => db.exec('CREATE TABLE recipes (title TEXT)'))
    expect(await refusal(path)).toMatch(/the database of another program: use a separate file for the jobs/)
  })

  it('a later schema version, which stays unchanged', async () => {
    const path = join(folder, 'later.db')
    const store = sqlite(path)(clock)
    await store.migrate()
    await store.close()
    await raw(path, (db) => db.exec('PRAGMA user_version = 99'))
    expect(await refusal(path)).toMatch(/has schema version 99, but this version of uketsuke supports only up to \d+/)
    await raw(path, (db) => expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 }))
  })

  it('a store that is not open', async () => {
    await expect(sqlite(join(folder, 'a.db'))(clock).stats()).rejects.toThrow('call migrate() first')
  })
})

describe('a usable file', () => {
  it.skipIf(process.platform === 'win32')('is accessible to its user only, like the files beside it', async () => {
    const path = join(folder, 'private.db')
    const store = sqlite(path)(manualClock())
    await store.migrate()
    await store.shared('ticket-key', 'secret')
    for (const name of ['', '-wal', '-shm']) expect(statSync(path + name).mode & 0o777, name).toBe(0o600)
    await store.close()
  })

  it('describes the engine and the durability', async () => {
    const onDisk = sqlite(join(folder, 'told.db'))(clock)
    await onDisk.migrate()
    expect(onDisk.description.engine).toMatch(/^SQLite 3\.\d+\.\d+$/)
    expect(onDisk.description.durability).toMatch(/WAL, synchronous=FULL: an accepted job survives a crash/)
    await onDisk.close()
    const inMemory = sqlite(':memory:')(clock)
    await inMemory.migrate()
    expect(inMemory.description.durability).toMatch(/in memory: accepted jobs are lost when the process ends/)
    await inMemory.close()
  })

  it('can be opened after a failed attempt', async () => {
    const path = join(folder, 'soon', 'jobs.db')
    const store = sqlite(path)(clock)
    await expect(store.migrate()).rejects.toThrow('create it')
    mkdirSync(join(folder, 'soon'))
    await store.migrate()
    expect((await store.insert([{ job: job('a') }]))[0]?.created).toBe(true)
    await store.close()
    await expect(store.get('ann', ['a'])).rejects.toThrow('The store is closed.')
  })

  it('bounds the write-ahead log and empties it on close', async () => {
    const path = join(folder, 'bounded.db')
    const store = sqlite(path)(clock)
    await store.migrate()
    const input = JSON.stringify('x'.repeat(20_000))
    for (let i = 0; i < 200; i++) {
      await store.insert(Array.from({ length: 50 }, (_, j) => ({ job: job(`${i}-${j}`, input) })))
    }
    expect(statSync(path).size + statSync(`${path}-wal`).size).toBeGreaterThan(200_000_000)
    expect(statSync(`${path}-wal`).size).toBeLessThan(100_000_000)
    await store.close()
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
  })

  it('limits each insert to five seconds from its call, including time in the queue', async () => {
    const path = join(folder, 'queued.db')
    const store = batched(sqlite(path)(clock), { acceptTimeout: 10_000 })
    await store.migrate()
    const other = await open(path)
    other.exec('BEGIN IMMEDIATE')
    const began = performance.now()
    const spy = vi.spyOn(performance, 'now').mockReturnValue(began)
    const ended: string[] = []
    const insert = (id: string) =>
      store.insert([{ job: job(id) }]).catch((error: UketsukeError) => {
        ended.push(id)
        return error.code
      })
    const turns = async () => {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    const first = insert('first')
    await turns()
    spy.mockReturnValue(began + 4_000)
    const second = insert('second')
    await turns()
    expect(ended).toEqual([])
    spy.mockReturnValue(began + 5_001)
    expect(await first).toBe('temporarily-unavailable')
    await turns()
    expect(ended).toEqual(['first'])
    spy.mockReturnValue(began + 9_001)
    expect(await second).toBe('temporarily-unavailable')
    spy.mockRestore()
    other.exec('ROLLBACK')
    other.close()
    await store.close()
  })

  it('waits for a lock without blocking, and gives up in time without a write', async () => {
    const path = join(folder, 'locked.db')
    const store = sqlite(path)(clock)
    await store.migrate()
    const other = await open(path)
    other.exec('BEGIN IMMEDIATE')

    const turns = async () => {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    let waiting = true
    const refused = store
      .insert([{ job: job('refused') }])
      .catch((error: unknown) => error)
      .finally(() => {
        waiting = false
      })
    await turns()
    expect(waiting).toBe(true)
    const spy = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 5_001)
    expect(await refused).toMatchObject({ code: 'temporarily-unavailable', retryAfter: 1 })
    spy.mockRestore()

    const patient = store.insert([{ job: job('patient') }])
    await turns()
    other.exec('COMMIT')
    other.close()
    expect((await patient)[0]?.created).toBe(true)
    expect((await store.get('ann', ['patient', 'refused'])).map((one) => one?.id ?? null)).toEqual(['patient', null])
    await store.close()
  })

  it('uses the intended index for each query', async () => {
    const path = join(folder, 'plans.db')
    const store = sqlite(path)(clock)
    await store.migrate()
    await raw(path, (db) => {
      const plan = (sql: string) =>
        db
          .prepare(`EXPLAIN QUERY PLAN ${sql}`)
          .all()
          .map((row) => row.detail)
          .join('; ')
      expect(
        plan("SELECT * FROM jobs WHERE queue = 'jobs' AND owner = 'a' AND id < 'b' ORDER BY id DESC LIMIT 5"),
      ).toBe('SEARCH jobs USING INDEX jobs_owned (owner=? AND id<?)')
      expect(plan("SELECT * FROM jobs WHERE queue = 'jobs' AND status = 'failed' ORDER BY id DESC LIMIT 5")).toBe(
        'SCAN jobs USING INDEX jobs_failed',
      )
      expect(
        plan("SELECT * FROM jobs WHERE status = 'running' AND lease_until <= 5 ORDER BY lease_until LIMIT 5"),
      ).toBe('SEARCH jobs USING INDEX jobs_leased (lease_until<?)')
    })
    await store.close()
  })
})
