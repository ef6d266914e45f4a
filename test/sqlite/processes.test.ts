import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { create } from '../../packages/uketsuke/src/domain/rules.ts'
import { allOwners } from '../../packages/uketsuke/src/store/port.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'

/** Real processes on real files: locks, limits, permissions and crashes, which one process cannot test. */
const folder = mkdtempSync(join(tmpdir(), 'uketsuke-processes-'))
const asRoot = process.getuid?.() === 0
/** Root may write anywhere, so permissions are tested as the user nobody. */
const nobody = 65_534

beforeAll(() => {
  // Node 20 cannot run TypeScript, so the children run the store compiled by tsc.
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const options = ['--ignoreConfig', '--module', 'nodenext', '--target', 'es2023', '--rewriteRelativeImportExtensions']
  const sources = [
    'packages/uketsuke/src/store/sqlite/index.ts',
    'packages/uketsuke/src/base/clock.ts',
    'packages/uketsuke/src/domain/rules.ts',
  ]
  const compiler = resolve('node_modules/typescript/bin/tsc')
  const output = ['--rootDir', 'packages/uketsuke/src', '--outDir', folder, '--noCheck']
  execFileSync(process.execPath, [compiler, ...options, ...output, ...sources], { stdio: 'inherit' })
  chmodSync(folder, 0o755)
})
afterAll(() => rmSync(folder, { recursive: true }))

const prelude = `
  import { execFileSync } from 'node:child_process'
  import { once } from 'node:events'
  import { sqlite } from './store/sqlite/index.js'
  import { systemClock } from './base/clock.js'
  import { create } from './domain/rules.js'
  const store = sqlite(process.argv[2])(systemClock)
  const job = (id, input = '{}') =>
    create({ id, type: 'report', owner: 'ann', input, maxAttempts: 3, retainFor: 1000 }, Date.now())
  const insert = (id, input) => store.insert([{ job: job(id, input) }])
  const tell = (value) => console.log(JSON.stringify(value))
  const started = async () => { tell('ready'); await once(process.stdin, 'data'); process.stdin.unref() }
`

interface Child {
  process: ChildProcess
  /** The lines of its output, as they arrive. */
  lines: AsyncIterator<unknown>
  /** All remaining lines until the process ends. */
  rest(): Promise<unknown[]>
}

let scripts = 0
function child(path: string, body: string, uid?: number): Child {
  const script = join(folder, `child-${++scripts}.js`)
  writeFileSync(script, prelude + body)
  const started = spawn(process.execPath, [script, path], { stdio: ['pipe', 'pipe', 'inherit'], uid })
  const lines = read(createInterface({ input: started.stdout }))
  const rest = async () => {
    const all: unknown[] = []
    for await (const line of lines) all.push(line)
    return all
  }
  return { process: started, lines, rest }
}

async function* read(lines: AsyncIterable<string>): AsyncGenerator<unknown> {
  for await (const line of lines) yield JSON.parse(line)
}

async function ready(children: Child[]): Promise<void> {
  await Promise.all(children.map(async (one) => expect((await one.lines.next()).value).toBe('ready')))
  for (const one of children) one.process.stdin?.end('go\n')
}

async function filled(path: string, count: number) {
  const store = sqlite(path)(systemClock)
  await store.migrate()
  const fresh = (i: number) =>
    create(
      { id: `job-${i}`, type: 'report', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 1_000 },
      systemClock.now(),
    )
  await store.insert(Array.from({ length: count }, (_, i) => ({ job: fresh(i) })))
  return store
}

describe('several processes on one file', () => {
  it('can create the file at the same time', async () => {
    const path = join(folder, 'first.db')
    const body = `
      await started()
      await store.migrate()
      tell((await insert('job-' + process.pid))[0].created)
      await store.close()
    `
    const children = Array.from({ length: 4 }, () => child(path, body))
    await ready(children)
    expect(await Promise.all(children.map((one) => one.rest()))).toEqual([[true], [true], [true], [true]])
    const store = await filled(path, 0)
    expect((await store.stats()).jobs.pending).toBe(4)
    await store.close()
  })

  it('exit without close() and keep everything acknowledged', async () => {
    const path = join(folder, 'left.db')
    const body = `
      await store.migrate()
      const input = JSON.stringify('x'.repeat(20_000))
      // Enough for the log to be copied back, and to have commits wait for it.
      for (let i = 0; i < 200; i++) {
        await store.insert(Array.from({ length: 50 }, (_, j) => ({ job: job(i + '-' + j, input) })))
      }
      tell('told')
    `
    const one = child(path, body)
    const ended = new Promise((resolve) => one.process.once('exit', (...how) => resolve(how)))
    expect(await one.rest()).toEqual(['told'])
    expect(await ended).toEqual([0, null])
    const store = await filled(path, 0)
    expect((await store.stats()).jobs.pending).toBe(10_000)
    await store.close()
  })

  it('claim every job once', async () => {
    const path = join(folder, 'claims.db')
    const store = await filled(path, 3_000)
    const body = `
      await store.migrate()
      await started()
      for (;;) {
        const jobs = await store.claim({ queue: 'jobs', types: ['report'], limit: 5, worker: String(process.pid), leaseMs: 60000 })
        if (jobs.length === 0) break
        for (const job of jobs) tell(job.id)
      }
      await store.close()
    `
    const children = [child(path, body), child(path, body)]
    await ready(children)
    const [one = [], two = []] = await Promise.all(children.map((each) => each.rest()))
    expect(one.length + two.length).toBe(3_000)
    expect(new Set([...one, ...two]).size).toBe(3_000)
    expect((await store.stats()).jobs).toMatchObject({ pending: 0, running: 3_000 })
    await store.close()
  })

  it('lose no accepted job when one is killed', async () => {
    const path = join(folder, 'killed.db')
    const one = child(
      path,
      `
      await store.migrate()
      await started()
      for (let i = 0; ; i++) {
        await insert('job-' + i)
        tell('job-' + i)
      }
    `,
    )
    await ready([one])
    const accepted: string[] = []
    for (let line = await one.lines.next(); !line.done; line = await one.lines.next()) {
      accepted.push(line.value as string)
      if (accepted.length === 200) one.process.kill('SIGKILL')
    }
    expect(accepted.length).toBeGreaterThanOrEqual(200)
    const store = await filled(path, 0)
    expect((await store.get('ann', accepted)).every((job) => job !== null)).toBe(true)
    await store.close()
  })
})

describe.skipIf(process.platform !== 'linux')('a full disk', () => {
  // A file size limit simulates a full disk without a mount: write(2) really fails, and works again without the limit.
  it('rejects with temporarily-unavailable, writes nothing, and recovers', async () => {
    const path = join(folder, 'full.db')
    const body = `
      const limit = (bytes) => execFileSync('prlimit', ['--fsize=' + bytes, '--pid', String(process.pid)])
      process.on('SIGXFSZ', () => {})
      await store.migrate()
      await insert('before')
      limit('300000:unlimited')
      const accepted = []
      const refused = []
      for (let i = 0; refused.length < 5; i++) {
        try {
          await insert('job-' + i, JSON.stringify('x'.repeat(10000)))
          accepted.push('job-' + i)
        } catch (error) {
          refused.push('job-' + i)
          tell(error.code)
        }
      }
      tell((await store.get('ann', ['before', ...accepted])).every((job) => job !== null))
      tell((await store.get('ann', refused)).every((job) => job === null))
      limit('unlimited:unlimited')
      for (const id of refused) tell((await insert(id))[0].created)
      tell({ accepted: accepted.length })
      await store.close()
    `
    const lines = await child(path, body).rest()
    const accepted = (lines.pop() as { accepted: number }).accepted
    expect(accepted).toBeGreaterThan(3)
    expect(lines).toEqual([
      ...Array.from({ length: 5 }, () => 'temporarily-unavailable'),
      true,
      true,
      ...Array.from({ length: 5 }, () => true),
    ])
    const store = await filled(path, 0)
    expect((await store.list({ owner: allOwners, limit: 1_000 })).length).toBe(accepted + 6)
    await store.close()
    const db = await open(path)
    expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    db.close()
  })
})

describe.skipIf(process.platform === 'win32')('missing permissions', () => {
  const body = `
    const error = await store.migrate().catch((error) => error)
    tell([error.code, error.message])
  `
  /** Creates a folder with a store, both owned by the user of the child. */
  async function place(name: string) {
    const home = join(folder, name)
    mkdirSync(home)
    const path = join(home, 'jobs.db')
    await (await filled(path, 1)).close()
    for (const side of ['-wal', '-shm']) rmSync(path + side, { force: true })
    if (asRoot) for (const owned of [home, path]) chownSync(owned, nobody, nobody)
    return { home, path }
  }
  const refusal = async (path: string) => (await child(path, body, asRoot ? nobody : undefined).rest())[0]

  it('a read-only file', async () => {
    const { path } = await place('read-only-file')
    chmodSync(path, 0o444)
    expect(await refusal(path)).toEqual(['store-unusable', expect.stringMatching(/^".*jobs\.db" is read-only/)])
  })

  it('a read-only folder', async () => {
    const { home, path } = await place('read-only-folder')
    chmodSync(home, 0o555)
    expect(await refusal(path)).toEqual([
      'store-unusable',
      expect.stringMatching(/^".*jobs\.db" .*the file and (to )?its folder/),
    ])
    expect(await refusal(join(home, 'new.db'))).toEqual([
      'store-unusable',
      expect.stringMatching(/^".*new\.db" cannot be opened: grant this process read and write access/),
    ])
    chmodSync(home, 0o755)
  })

  it('a file of another user', async () => {
    const { path } = await place('unreadable')
    chmodSync(path, 0o000)
    expect(await refusal(path)).toEqual(['store-unusable', expect.stringMatching(/cannot be opened/)])
  })
})
