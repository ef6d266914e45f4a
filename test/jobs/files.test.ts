import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import { filesText } from '../../packages/uketsuke/src/domain/file.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import { sweepFiles } from '../../packages/uketsuke/src/files/sweep.ts'
import { type FileData, type FileStorage, type Jobs, localFiles, sqlite } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { createTestJobs } from '../../packages/uketsuke/src/testing/index.ts'
import { until } from '../until.ts'
import { ended, every, gate, type Handler, one, open, tempFile } from './setup.ts'

const read = async (jobs: Pick<Jobs, 'file'>, jobId: string, name: string) => {
  const file = await jobs.file(jobId, name, every)
  return file === null ? null : Buffer.from(await new Response(file.data).arrayBuffer()).toString()
}
/** The runs that have files in a folder, as `job/run`. */
const runsIn = (folder: string) =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((id) => readdirSync(`${folder}/${id}`).map((run) => `${id}/${run}`))
    : []

describe('files', () => {
  test.each<[string, () => FileData]>([
    ['a text', () => 'hello'],
    ['a Buffer', () => Buffer.from('hello')],
    ['a part of a larger buffer', () => Buffer.from('say hello!').subarray(4, 9)],
    ['an ArrayBuffer', () => new TextEncoder().encode('hello').buffer as ArrayBuffer],
    ['a Blob', () => new Blob(['hel', 'lo'])],
    ['a web stream', () => new Blob(['hello']).stream() as unknown as AsyncIterable<Uint8Array>],
    ['a Node.js stream', () => Readable.from([Buffer.from('hel'), Buffer.from('lo')])],
    [
      'a generator of texts',
      () =>
        (async function* () {
          yield 'hel'
          yield 'lo'
        })(),
    ],
    [
      'a file',
      () => {
        const path = tempFile('greeting')
        writeFileSync(path, 'hello')
        return pathToFileURL(path)
      },
    ],
  ])('%s is saved and listed in the job', async (_, data) => {
    const { jobs } = open(one(({ files }) => files.save('greeting.txt', data())))
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
    expect(await ended(jobs, jobId)).toMatchObject({
      status: 'completed',
      output: { name: 'greeting.txt', bytes: 5, sha256 },
      files: [
        {
          name: 'greeting.txt',
          contentType: 'text/plain; charset=utf-8',
          bytes: 5,
          sha256,
          url: `/api/jobs/${jobId}/files/greeting.txt`,
        },
      ],
    })
    expect(await read(jobs, jobId, 'greeting.txt')).toBe('hello')
    expect(await jobs.file(jobId, 'greeting.txt', { owner: 'bob' })).toBeNull()
    expect(await jobs.file(jobId, 'other.txt', every)).toBeNull()
  })

  test('they are complete before the job is, even if the handler does not wait; a second save replaces the first', async () => {
    const { jobs } = open(
      one(({ files }) => {
        void files.save('a', slowly('first'), { contentType: 'text/x-first' })
        void files.save('a', slowly('second, longer'), { contentType: 'text/x-second' })
        void files.save('b', '')
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).files).toMatchObject([
      { name: 'a', contentType: 'text/x-second', bytes: 14 },
      { name: 'b', contentType: 'application/octet-stream', bytes: 0 },
    ])
    expect([await read(jobs, jobId, 'a'), await read(jobs, jobId, 'b')]).toEqual(['second, longer', ''])
  })

  test.each<[string, Handler]>([
    ['a path as its name', ({ files }) => files.save('../../etc/passwd', 'x')],
    ['a hidden name', ({ files }) => files.save('.htaccess', 'x')],
    ['NUL in its name', ({ files }) => files.save('a\0.txt', 'x')],
    ['a name that is too long', ({ files }) => files.save('x'.repeat(256), 'x')],
    ['a number as its name', ({ files }) => files.save(7 as never, 'x')],
    ['a content type with a line break', ({ files }) => files.save('a', 'x', { contentType: 'a/b\r\nSet-Cookie: c' })],
    ['a number as its content', ({ files }) => files.save('a', 7 as never)],
    ['a web URL', ({ files }) => files.save('a', new URL('https://example.com/'))],
    ['a stream of objects', ({ files }) => files.save('a', Readable.from([{ a: 1 }]) as never)],
  ])('%s fails the job at once', async (_, run) => {
    const { jobs } = open(one(run))
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    const found = await ended(jobs, jobId)
    expect(found).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-file' } })
    expect(found).not.toHaveProperty('files')
  })

  test.each([
    'CON',
    'nul.txt',
    'x'.repeat(255),
    '🚀'.repeat(127),
    'שלום עולם.pdf',
    '%2e%2e',
    'a b?c#d&e',
    "it's (1).txt",
    ' ',
  ])('a file may be called %j', async (name) => {
    const { jobs } = open(one(({ files }) => files.save(name, name)))
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).files).toMatchObject([{ name }])
    expect(await read(jobs, jobId, name)).toBe(name)
  })

  test('there are at most 100 files', async () => {
    const { jobs } = open(
      one(async ({ files }) => {
        for (let i = 0; i < 101; i++) await files.save(String(i), 'x')
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).error?.message).toBe('A job has at most 100 files.')
  })

  test('that is so for files that are saved at the same time', async () => {
    const { jobs } = open(
      one(({ files }) => Promise.all(Array.from({ length: 101 }, (_, i) => files.save(String(i), slowly('x'))))),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).error?.message).toBe('A job has at most 100 files.')
  })

  test('an error that the handler has caught does not fail the job; one that it did not wait for does', async () => {
    const { jobs } = open(
      one(async ({ files, attempt }) => {
        await files.save('a', 'kept')
        await files.save('a', 7 as never).catch(() => {})
        await files.save('b', 7 as never).catch(() => {})
        if (attempt === 1) void files.save('c', broken())
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect(await ended(jobs, jobId)).toMatchObject({
      status: 'completed',
      attempt: 2,
      files: [{ name: 'a', bytes: 4 }],
    })
    const [first] = await jobs.attempts(jobId, every)
    expect(first?.error?.thrown).toContain('The source is gone.')
  })

  test('those of a failed attempt are removed, and those of the last are listed', async () => {
    const path = tempFile()
    const { jobs } = open(
      one(async ({ files, attempt }) => {
        await files.save(`attempt-${attempt}`, 'x')
        if (attempt < 3) throw new Error('It broke.')
      }),
      { store: sqlite(path) },
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).files).toMatchObject([{ name: 'attempt-3' }])
    await until(() => runsIn(`${path}-files`).length === 1)
    expect(runsIn(`${path}-files`)[0]).toMatch(new RegExp(`^${jobId}/3\\.`))
  })

  test('a stream that fails leaves nothing', async () => {
    const path = tempFile()
    const { jobs } = open(
      one(({ files }) => files.save('a', broken()), { maxAttempts: 1 }),
      { store: sqlite(path) },
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect(await ended(jobs, jobId)).toMatchObject({ status: 'failed', error: { code: 'handler-error' } })
    await until(() => runsIn(`${path}-files`).length === 0)
  })

  test('a job that is deleted takes its files with it', async () => {
    const path = tempFile()
    const { jobs } = open(
      one(({ files }) => files.save('a', 'x')),
      { store: sqlite(path) },
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    await ended(jobs, jobId)
    await jobs.remove(jobId, every)
    expect(existsSync(`${path}-files/${jobId}`)).toBe(false)
    expect(await jobs.file(jobId, 'a', every)).toBeNull()
  })

  test('a sweep removes what pruned jobs and dead runs have left', async () => {
    const path = tempFile()
    const store = sqlite(path)
    const { jobs, clock } = open(
      one(({ files }) => files.save('a', 'x'), { retention: 86_400_000 }),
      { store },
    )
    await jobs.work()
    const old = await jobs.enqueue('one', {})
    await ended(jobs, old.jobId)
    await clock.jump(86_400_000)
    const { jobId } = await jobs.enqueue('one', {})
    await ended(jobs, jobId)
    const files = localFiles(`${path}-files`)
    const dead = { jobId, run: '1.dead' }
    await files.save(dead, 'b', single('x'))
    await clock.advance(120_000)
    await until(async () => (await jobs.get(old.jobId, every)) === null)
    await until(async () => {
      await clock.jump(60_000)
      return runsIn(`${path}-files`).length === 1
    })
    expect(await read(jobs, jobId, 'a')).toBe('x')
  })

  test('a sweep leaves the files of a run that began after it had listed the others', async () => {
    const { jobs } = open(one(({ files }) => files.save('a', 'x')))
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    await ended(jobs, jobId)
    const storage = localFiles(tempFile('files'))
    const [{ store, job }, data] = [await completedJob(jobId), () => single('x')]
    for (const run of ['1.dead', job.run]) await storage.save({ jobId, run }, 'a', data())
    // The list was read before the second run saved its file.
    const list = async (after: string | null) => new Map(after === null ? [[jobId, ['1.dead']]] : [])
    expect(await sweepFiles({ files: { ...storage, list }, store }, new AbortController().signal)).toBe(1)
    expect([...(await storage.list(null, 9))]).toEqual([[jobId, [job.run]]])
  })

  test('a sweep leaves the files of a running handler alone', async () => {
    const path = tempFile()
    const { open: go, passed } = gate()
    const { jobs, clock } = open(
      one(async ({ files }) => {
        await files.save('a', 'x')
        await passed
      }),
      { store: sqlite(path), lease: 86_400_000 },
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    await until(() => runsIn(`${path}-files`).length === 1)
    for (let minutes = 0; minutes < 50; minutes++) await clock.jump(60_000)
    go()
    expect((await ended(jobs, jobId)).files).toHaveLength(1)
    expect(await read(jobs, jobId, 'a')).toBe('x')
  })

  test('createTestJobs keeps files in memory, and runJob takes them', async () => {
    const jobs = createTestJobs({ jobs: one(({ files }) => files.save('a.txt', 'hello').then(() => 'done')) })
    const { jobId } = await jobs.enqueue('one', {})
    await jobs.drain()
    expect(await read(jobs, jobId, 'a.txt')).toBe('hello')
    expect(await jobs.runJob('one', {})).toBe('done')
    await jobs.close()
  })
})

test('localFiles() refuses what names no folder', () => {
  for (const folder of ['', ' ', 'a\0b', 7, undefined]) {
    expect(() => localFiles(folder as string)).toThrow('the path must name a folder')
  }
  expect(() =>
    open(
      one(() => 1),
      { files: {} as FileStorage },
    ),
  ).toThrow('files must be a storage')
})

/** A store in memory with one job, which has completed with a file of its second run. */
async function completedJob(id: string) {
  const clock = manualClock()
  const store = memory()(clock)
  const run = '2.alive'
  const created = rules.create(
    { id, type: 'one', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 1_000 },
    clock.now(),
  )
  await store.insert([{ job: created }])
  const [running] = await store.claim({ queue: 'jobs', types: ['one'], limit: 1, worker: 'w', leaseMs: 1_000 })
  const files = filesText([{ name: 'a', contentType: 'text/plain', bytes: 1, sha256: '', run }])
  await store.replace([change(running!, rules.succeed(running!, clock.now(), '1', files)!, clock.now())])
  return { store, job: { run } }
}

async function* slowly(text: string) {
  for (const char of text) {
    await new Promise((resolve) => setImmediate(resolve))
    yield char
  }
}
async function* broken() {
  yield 'half'
  throw new Error('The source is gone.')
}
async function* single(text: string) {
  yield Buffer.from(text)
}
