import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createJobs, job, type Log, silentLog } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { atEnd, gate } from '../jobs/setup.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { BadNetwork } from '../servers/proxy.ts'
import { until } from '../until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

async function start(what: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('life.mjs', import.meta.url))
  const child = spawn(process.execPath, [program, what, server.url()], { stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(() => void child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  return child
}

/** Resolves with the exit code, or fails after `within` ms. */
async function ended(child: ChildProcess, within = 10_000): Promise<number | null> {
  await until(() => child.exitCode !== null || child.signalCode !== null, 'the program ends', { ms: within })
  return child.exitCode
}

test('a program that only enqueues exits by itself', async () => {
  expect(await ended(await start('enqueue'))).toBe(0)
})

test('a worker that stops on SIGTERM exits by itself without close()', async () => {
  const child = await start('worker')
  child.kill('SIGTERM')
  expect(await ended(child)).toBe(0)
})

test.each(['idle', 'busy'])(
  'stop() takes at most the drain plus 5 seconds, and close() 1 second more, when PostgreSQL does not respond: %s',
  async (how) => {
    const network = await BadNetwork.to(server.port)
    atEnd(() => network.close())
    const url = server.url(await server.create().then((address) => new URL(address).pathname.slice(1)))
    const lines: string[] = []
    const log: Log = { ...silentLog, error: (_, line) => void lines.push(line), child: () => log }
    const { open, passed } = gate()
    const started = gate()
    const jobs = createJobs({
      jobs: {
        held: job({
          input: z.any(),
          run: async () => {
            started.open()
            await passed
          },
        }),
      },
      store: postgres(url.replace(`:${server.port}`, `:${network.port}`)),
      log,
    })
    const worker = await jobs.work({ drain: 1_000 })
    if (how === 'busy') {
      await jobs.enqueue('held', {}, { owner: 'ann' })
      await started.passed
    }
    network.silence()
    // By now a claim, a renewal or a `nextDue` query is in flight: a worker polls once a second.
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const began = performance.now()
    await worker.stop()
    expect(performance.now() - began).toBeLessThan(1_000 + 5_000)
    await jobs.close()
    expect(performance.now() - began).toBeLessThan(1_000 + 5_000 + 1_000)
    expect(lines.join()).toMatch(/did not answer while this worker stopped|timed out waiting for the store to close/)
    open()
  },
)
