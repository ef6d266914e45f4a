import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { localFiles } from '../../packages/uketsuke/src/files/local.ts'
import { memoryFiles } from '../../packages/uketsuke/src/files/memory.ts'
import type { ByteRange, FileStorage } from '../../packages/uketsuke/src/files/port.ts'
import { s3Files } from '../../packages/uketsuke/src/files/s3.ts'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { startS3 } from '../servers/s3.ts'
import { until } from '../until.ts'

/** One test for each promise of `FileStorage`, for each storage. */
let s3: Awaited<ReturnType<typeof startS3>>
let folder: string
beforeAll(async () => {
  s3 = await startS3()
  folder = mkdtempSync(join(tmpdir(), 'uketsuke-files-'))
})
afterAll(async () => {
  await s3.stop()
  rmSync(folder, { recursive: true })
})

const storages: [string, (name: string) => FileStorage][] = [
  ['memory', () => memoryFiles()],
  ['a folder', (name) => localFiles(join(folder, name))],
  ['S3', (name) => s3Files({ ...s3.options, prefix: `${name}/` })],
]

async function* chunks(...data: (string | Uint8Array)[]) {
  for (const one of data) yield Buffer.from(one)
}
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
const at = (jobId: string, run = '1.a') => ({ jobId, run })

describe.each(storages)('%s', (_, open) => {
  const read = async (files: FileStorage, jobId: string, run: string, name: string, range: ByteRange | null = null) => {
    const data = await files.read(at(jobId, run), name, range)
    if (data === null) return null
    const all: Uint8Array[] = []
    for await (const chunk of data) all.push(chunk)
    return Buffer.concat(all).toString()
  }

  test('a file is read as it was saved, whole and in parts', async () => {
    const files = open('reading')
    const saved = await files.save(at('a'), 'x', chunks('hello ', 'world'))
    expect(saved).toEqual({ bytes: 11, sha256: sha256('hello world') })
    expect(await read(files, 'a', '1.a', 'x')).toBe('hello world')
    expect(await read(files, 'a', '1.a', 'x', { first: 4, last: 6 })).toBe('o w')
    expect(await read(files, 'a', '1.a', 'x', { first: 10, last: 10 })).toBe('d')
  })

  test('a file may be empty, and may be replaced', async () => {
    const files = open('replacing')
    expect(await files.save(at('a'), 'x', chunks())).toEqual({ bytes: 0, sha256: sha256('') })
    expect(await read(files, 'a', '1.a', 'x')).toBe('')
    await files.save(at('a'), 'x', chunks('new'))
    expect(await read(files, 'a', '1.a', 'x')).toBe('new')
  })

  test('a file of 20 MiB', async () => {
    const files = open('large')
    const piece = Buffer.alloc(1 << 20, 'abcdefghi')
    const all = Buffer.concat(Array(20).fill(piece))
    const saved = await files.save(at('a'), 'x', chunks(...Array(20).fill(piece)))
    expect(saved).toEqual({ bytes: all.length, sha256: sha256(all) })
    expect(sha256((await read(files, 'a', '1.a', 'x')) ?? '')).toBe(sha256(all))
  })

  test('runs and names are apart, whatever the names', async () => {
    const files = open('names')
    const names = ['x', 'X', '../x', '🚀'.repeat(100), 'a b?c#d&e=%2f', '"<&>\'']
    for (const name of names) await files.save(at('a'), name, chunks(`first ${name}`))
    await files.save(at('a', '2.b'), 'x', chunks('second'))
    for (const name of names) expect(await read(files, 'a', '1.a', name)).toBe(`first ${name}`)
    expect(await read(files, 'a', '2.b', 'x')).toBe('second')
    expect(await read(files, 'a', '2.b', 'X')).toBeNull()
    expect(await read(files, 'b', '1.a', 'x')).toBeNull()
  })

  test('data that fails leaves nothing, and what was there', async () => {
    const files = open('failing')
    await files.save(at('a'), 'x', chunks('old'))
    async function* broken() {
      yield Buffer.alloc(9 << 20)
      throw new Error('The source is gone.')
    }
    await expect(files.save(at('a'), 'x', broken())).rejects.toThrow('The source is gone.')
    await expect(files.save(at('b'), 'x', broken())).rejects.toThrow('The source is gone.')
    expect(await read(files, 'a', '1.a', 'x')).toBe('old')
    expect(await read(files, 'b', '1.a', 'x')).toBeNull()
  })

  test('runs are removed, alone or with their job', async () => {
    const files = open('removing')
    for (const run of ['1.a', '2.b', '20.c']) await files.save(at('a', run), 'x', chunks(run))
    await files.save(at('aa'), 'x', chunks('other'))
    await files.remove('a', '2.b')
    expect(await read(files, 'a', '2.b', 'x')).toBeNull()
    expect(await read(files, 'a', '20.c', 'x')).toBe('20.c')
    await files.remove('a')
    await files.remove('a')
    expect(await read(files, 'a', '1.a', 'x')).toBeNull()
    expect(await read(files, 'aa', '1.a', 'x')).toBe('other')
  })

  test('runs are listed by job, in pages', async () => {
    const files = open('listing')
    expect(await files.list(null, 10)).toEqual(new Map())
    for (const jobId of ['B', 'A', 'C']) await files.save(at(jobId), 'x', chunks('x'))
    await files.save(at('A', '2.b'), 'x', chunks('x'))
    await files.save(at('A', '2.b'), 'y', chunks('y'))
    const page = async (after: string | null, limit: number) =>
      [...(await files.list(after, limit))].map(([jobId, runs]) => `${jobId}: ${runs.toSorted().join(' ')}`)
    expect(await page(null, 10)).toEqual(['A: 1.a 2.b', 'B: 1.a', 'C: 1.a'])
    expect(await page('A', 1)).toEqual(['B: 1.a'])
    expect(await page('C', 10)).toEqual([])
  })
})

test('on S3, a client loads a file from its URL, with the name and type of the job', async () => {
  const files = s3Files({ ...s3.options, prefix: 'urls/' })
  await files.save(at('a'), 'x', chunks('hello'))
  const disposition = `inline; filename="a b.txt"; filename*=UTF-8''a%20b.txt`
  const url = (await files.url?.(at('a'), 'x', { contentType: 'text/x-own; charset=utf-8', disposition })) ?? ''
  const response = await fetch(url)
  expect([response.status, await response.text()]).toEqual([200, 'hello'])
  expect(response.headers.get('content-type')).toBe('text/x-own; charset=utf-8')
  expect(response.headers.get('content-disposition')).toBe(disposition)
  // The server of the test does not check signatures of version 4; that they are there and expire is what can be seen.
  expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('300')
  expect(new URL(url).searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/)
})

test('in a folder, a file is closed by a reader that stops, even before it begins', async () => {
  const files = localFiles(join(folder, 'closing'))
  await files.save(at('a'), 'x', chunks(new Uint8Array(1 << 20)))
  const opened = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(folder, 'closing'))
      } catch {
        return false
      }
    }).length
  const read = async () => (await files.read(at('a'), 'x', null))![Symbol.asyncIterator]()
  const [begun, fresh] = [await read(), await read()]
  await begun.next()
  expect(opened()).toBe(2)
  await begun.return?.()
  await fresh.return?.()
  await until(() => opened() === 0, 'the files are closed')
})

test('in a folder, only their user can read the files', async () => {
  const files = localFiles(join(folder, 'private'))
  await files.save(at('a'), 'x', chunks('x'))
  expect(statSync(join(folder, 'private')).mode & 0o077).toBe(0)
})

test('on S3, the jobs API redirects to the file, which goes with its job', async () => {
  const jobs = createJobs({
    jobs: { one: job({ input: z.object({}), run: ({ files }) => files.save('é.txt', 'hello') }) },
    store: sqlite(':memory:'),
    files: s3Files({ ...s3.options, prefix: 'redirects/' }),
    authenticate: () => ({ owner: 'ann' }),
    log: silentLog,
  })
  await jobs.work()
  const { jobId } = await jobs.enqueue('one', {}, { owner: 'ann' })
  for await (const _ of jobs.watch(jobId, { owner: 'ann' }));
  const response = await jobs.fetch(new Request(`http://x/api/jobs/${jobId}/files/%C3%A9.txt`))
  const url = response.headers.get('location') ?? ''
  expect([response.status, response.headers.get('cache-control')]).toEqual([307, 'no-store'])
  expect(await (await fetch(url)).text()).toBe('hello')
  const file = await jobs.file(jobId, 'é.txt', { owner: 'ann' })
  expect(await new Response(file?.data).text()).toBe('hello')
  await jobs.remove(jobId, { owner: 'ann' })
  expect((await fetch(url)).status).toBe(404)
  await jobs.close()
})

test('s3Files() names a missing option, and says what the service responded', async () => {
  expect(() => s3Files({ ...s3.options, bucket: '' })).toThrow('s3Files(): bucket is required')
  expect(() => s3Files({ ...s3.options, endpoint: 'nowhere' })).toThrow('endpoint must be a URL')
  const wrong = s3Files({ ...s3.options, accessKeyId: 'unknown' })
  await expect(wrong.save(at('a'), 'x', chunks('x'))).rejects.toThrow(/responded with 403/)
  const other = s3Files({ ...s3.options, bucket: 'absent' })
  await expect(other.save(at('a'), 'x', chunks('x'))).rejects.toThrow('has no such bucket')
})
