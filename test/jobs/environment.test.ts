import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { fromEnvironment, storeFromUrl } from '../../packages/uketsuke/src/api/environment.ts'
import { sqlite } from '../../packages/uketsuke/src/index.ts'
import { sqliteRawTables } from '../../packages/uketsuke/src/store/sqlite/raw-tables.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describe('DATABASE_URL', () => {
  test.each([
    ['sqlite:dev.db', 'dev.db'],
    ['sqlite://dev.db', 'dev.db'],
    ['sqlite:///tmp/dev.db', '/tmp/dev.db'],
    ['file:dev.db', 'dev.db'],
    ['file:./dev.db', 'dev.db'],
    ['file:./dev.db?connection_limit=1', 'dev.db'],
    ['file:/tmp/dev.db', '/tmp/dev.db'],
    ['file:///tmp/dev.db?mode=rwc', '/tmp/dev.db'],
    ['sqlite:what?.db', 'what?.db'],
    ['  sqlite:dev.db\n', 'dev.db'],
  ])('%j is the file %s', (url, path) => {
    expect(storeFromUrl(url.trim()).at).toEqual({ sqlite: resolve(path) })
    expect(() => fromEnvironment({ env: { DATABASE_URL: url } })).not.toThrow()
  })

  test('accepts an in-memory database', () => {
    expect(storeFromUrl('sqlite::memory:').at).toEqual({ sqlite: ':memory:' })
  })

  test.each(['', '   ', undefined])('%j is ignored: the default file is used', (url) => {
    expect(() => fromEnvironment({ file: 'jobs.db', env: { DATABASE_URL: url } })).not.toThrow()
  })

  test.each([
    'mysql://app:hunter2@db/app',
    'mongodb+srv://app:hunter2@db/app',
    'prisma+postgres://app:hunter2@db/app',
    'postgres:app:hunter2@db/app',
    'postgres//app:hunter2@db',
    'postgres://app:hunter2@db:port/app',
    'file:',
    'sqlite:',
    'sqlite:?x=hunter2\0',
    'hunter2',
    'jobs.db',
  ])('rejects %j with a message that names the variable and no password', (url) => {
    let said = ''
    try {
      fromEnvironment({ env: { DATABASE_URL: url } })
    } catch (error) {
      said = (error as Error).message
      expect(error).toMatchObject({ code: 'invalid-configuration' })
    }
    expect(said).toContain('DATABASE_URL')
    expect(said).not.toContain('hunter2')
  })

  test.each(['http://user:hunter2@cache', 'redis:', 'rediss://:hunter2@cache:port/zz', 'hunter2'])(
    'rejects REDIS_URL=%j in the same way',
    (url) => {
      let said = ''
      try {
        fromEnvironment({ env: { REDIS_URL: url } })
      } catch (error) {
        said = (error as Error).message
      }
      expect(said).toContain('REDIS_URL')
      expect(said).not.toContain('hunter2')
    },
  )
})

test.each(['', '  ', 'a\0b', 42, null])('rejects sqlite(%j)', (path) => {
  for (const make of [sqlite, sqliteRawTables]) {
    expect(() => make(path as string)).toThrow(expect.objectContaining({ code: 'invalid-configuration' }))
  }
})

test('a relative path still resolves to the same file after process.chdir()', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'uketsuke-')))
  folders.push(folder)
  const program = `
    import { mkdirSync } from 'node:fs'
    import { createJobs, job, sqlite, silentLog } from 'uketsuke'
    import { fromEnvironment } from 'uketsuke/environment'
    process.chdir(${JSON.stringify(folder)})
    const run = () => ({ done: true })
    const input = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
    const types = { once: job({ input, run, maxAttempts: 1 }) }
    const open = [sqlite('direct.db'), sqlite('./other/../relative.db'), fromEnvironment({ env: {}, file: 'named.db' }).store,
      fromEnvironment({ env: { DATABASE_URL: 'file:url.db' } }).store]
    mkdirSync('elsewhere')
    mkdirSync('other')
    process.chdir('elsewhere')
    for (const store of open) {
      const jobs = createJobs({ jobs: types, store, log: silentLog })
      const { jobId } = await jobs.enqueue('once', {})
      await jobs.work()
      for await (const state of jobs.watch(jobId, { owner: 'system' })) if (state.status === 'completed') console.log('completed')
      await jobs.close()
    }`
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const out = execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '--eval', program], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(out).toBe('completed\n'.repeat(4))
  expect(readdirSync(join(folder, 'elsewhere'))).toEqual([])
  expect(
    readdirSync(folder)
      .filter((name) => name.endsWith('.db'))
      .sort(),
  ).toEqual(['direct.db', 'named.db', 'relative.db', 'url.db'])
})
