import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createClient, type JobView } from '../../packages/client/src/index.ts'
import { startPostgres } from '../servers/postgres.ts'
import { until } from '../until.ts'
import { endAll, finally_, folder, owner, Program, type Role } from './support.ts'

afterEach(endAll)

/** How often a worker is killed. `CRASH_ROUNDS=200` is the long proof. */
const kills = Number(process.env.CRASH_ROUNDS ?? 3)
const readersOfOne = 100
const atOnce = 6
const words = 60

const expected = [0, 1, 2]
  .map((part) => Array.from({ length: words }, (_, word) => `${part}.${word} `).join(''))
  .join('')

test.each(['SQLite', 'PostgreSQL'])(
  'on %s, steps, live output and files survive workers and servers that are killed',
  async (engine) => {
    const log = join(folder(), 'notes.jsonl')
    const files = join(folder(), 'files')
    let store: Pick<Role, 'file' | 'database'> = { file: join(folder(), 'jobs.db') }
    if (engine === 'PostgreSQL') {
      const server = await startPostgres()
      finally_(() => server.stop())
      store = { database: { connectionString: server.url() } }
    }
    let api = await Program.start({ ...store, files, api: true })
    const url = api.url ?? ''
    const startWorker = () => Program.start({ ...store, files, work: { concurrency: 10 } })
    const workers = [await startWorker(), await startWorker()]
    const client = createClient({ url, token: owner })

    /** What a reader of a job gets, by run. */
    const read = async (jobId: string) => {
      const runs = new Map<number, string>()
      for await (const { run, text = '' } of client.job(jobId).output()) runs.set(run, (runs.get(run) ?? '') + text)
      return runs
    }
    const jobs: { jobId: string; runs: Promise<Map<number, string>>[] }[] = []
    const ended: Promise<unknown>[] = []
    const enqueue = async (readers: number) => {
      const handle = await client.enqueue('products', { log, words })
      jobs.push({ jobId: handle.jobId, runs: Array.from({ length: readers }, () => read(handle.jobId)) })
      const result = handle.result()
      ended.push(result)
      return result
    }
    void enqueue(readersOfOne)
    let over = false
    const load = Array.from({ length: atOnce }, async () => {
      while (!over) {
        await enqueue(1)
      }
    })
    for (let kill = 0; kill < kills; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 300 + (kill % 5) * 100))
      const victim = kill % workers.length
      await workers[victim]?.kill()
      workers[victim] = await startWorker()
      if (kill % 5 !== 2) continue
      // The readers go on with the next process on this port.
      await api.kill()
      api = await Program.start({ ...store, files, api: true, port: Number(new URL(url).port) })
    }
    over = true
    await Promise.all([...load, ...ended])

    let [runs, again] = [0, 0]
    for (const { jobId, runs: readers } of jobs) {
      const [first, ...others] = await Promise.all(readers)
      for (const other of others) expect(other).toEqual(first)
      const texts = [...(first ?? [])].sort(([a], [b]) => a - b).map(([, text]) => text)
      expect(texts.at(-1)).toBe(expected)
      for (const text of texts) expect(expected.startsWith(text)).toBe(true)
      runs += texts.length
      again += texts.length - 1
      const job = (await client.job(jobId).get()) as JobView & { status: 'completed' }
      expect(job.files).toMatchObject([{ name: 'words.txt', bytes: expected.length }])
      const file = await fetch(new URL(job.files?.[0]?.url ?? '', url), {
        headers: { authorization: `Bearer ${owner}` },
      })
      expect(await file.text()).toBe(expected)
    }
    // A worker that starts removes what dead ones have left.
    await startWorker()
    const runFolders = () => readdirSync(files).flatMap((jobId) => readdirSync(join(files, jobId)))
    await until(() => existsSync(files) && runFolders().length === jobs.length, 'no file without its job')

    // No step runs again once its result is stored.
    const stored = new Set<string>()
    for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
      const { what, jobId } = JSON.parse(line) as { what: string; jobId: string }
      const [verb, part] = what.split(' ')
      if (verb === 'has') stored.add(`${jobId} ${part}`)
      else expect(stored.has(`${jobId} ${part}`), `${jobId} repeats step ${part}`).toBe(false)
    }
    expect(stored.size).toBe(jobs.length * 3)
    console.info(engine, { kills, jobs: jobs.length, runs, readers: readersOfOne })
    expect(again).toBeGreaterThan(0)
  },
  kills * 3_000 + 120_000,
)
