import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

interface Said {
  ran?: string
  made?: string[]
}

const program = fileURLToPath(new URL('two-processes.mjs', import.meta.url))
const never = () => {
  throw new Error('This process runs nothing.')
}
const types = {
  quick: job({ input: z.unknown(), run: never }),
  clock: job({ input: z.unknown(), run: never }),
}

let server: PostgresServer
const open = () => createJobs({ jobs: types, store: postgres(server.url()), log: silentLog })
let jobs: ReturnType<typeof open>
const children: ChildProcess[] = []
const ran: string[] = []

function start(more: object = {}): ChildProcess {
  const child = fork(program, [JSON.stringify({ url: server.url(), ...more })], { stdio: 'inherit' })
  child.on('message', (said: Said) => void (said.ran !== undefined && ran.push(said.ran)))
  children.push(child)
  return child
}

beforeAll(async () => {
  server = await startPostgres()
  jobs = open()
  await jobs.ready()
  const workers = [start(), start()]
  await Promise.all(workers.map((worker) => once(worker, 'message')))
}, 60_000)
afterAll(async () => {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      if (child.connected) child.disconnect()
      await gone
    }),
  )
  await jobs.close()
  await server.stop()
})

test('two processes with the same keys create one job per key, and two workers run each once', async () => {
  const answers = await Promise.all(
    [start({ enqueue: 200 }), start({ enqueue: 200 })].map(async (child) => {
      const [said] = (await once(child, 'message')) as [Said]
      return said.made ?? []
    }),
  )
  expect(answers[0]).toHaveLength(200)
  expect(answers[1]).toEqual(answers[0])
  await expect.poll(() => new Set(ran).size, { timeout: 20_000 }).toBe(200)
  const { items } = await jobs.list({ owner: allOwners, status: ['pending', 'running'], limit: 100 })
  for (const { jobId } of items) for await (const _ of jobs.watch(jobId, { owner: allOwners }));
  expect(ran).toHaveLength(200)
  const ranOnce =
    'SELECT count(*) FROM uketsuke.jobs WHERE attempt = 1 AND worker IS NOT NULL AND completed_at IS NOT NULL'
  expect((await server.query(ranOnce)).rows).toEqual([{ count: '200' }])
  expect((await server.query('SELECT count(*) FROM uketsuke.attempts')).rows).toEqual([{ count: '0' }])
})

test('a watcher in another process sees progress within 50 ms in the median', {
  retry: 2,
}, async () => {
  const began = Date.now()
  const { jobId } = await jobs.enqueue('clock', { times: 20 })
  const late: number[] = []
  for await (const state of jobs.watch(jobId, { owner: allOwners })) {
    if (state.status === 'running' && state.progressMessage === null)
      late.push(Date.parse(state.startedAt ?? '') - began)
    if (state.progressMessage !== null && state.status === 'running')
      late.push(Date.now() - Number(state.progressMessage))
  }
  late.sort((a, b) => a - b)
  expect(late.length).toBeGreaterThan(15)
  console.info('milliseconds from a worker to a watcher in another process', late)
  expect(late[Math.floor(late.length / 2)]).toBeLessThan(50)
})
