import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { until } from '../until.ts'
import { Cli, endAll, fresh } from './run.ts'

afterEach(endAll)

const module = fileURLToPath(new URL('versions.mjs', import.meta.url))

test.each([
  {
    deploy: 'a new API before its workers',
    api: '2',
    worker: '1',
    unknown: [
      { type: 'report', input: { format: 'xlsx' } },
      { type: 'new', input: {} },
    ],
    known: [{ type: 'report', input: { format: 'pdf' } }],
  },
  {
    deploy: 'new workers before their API',
    api: '1',
    worker: '2',
    unknown: [
      { type: 'report', input: { format: 'csv' } },
      { type: 'mail', input: {} },
      { type: 'old', input: {} },
    ],
    known: [{ type: 'report', input: { format: 'pdf' } }],
  },
])('a rolling deploy loses no job and no attempt: $deploy', async ({ api, worker, unknown, known }) => {
  const store = fresh()
  const serve = (version: string, role: string) =>
    new Cli(['serve', '--jobs', module, '--role', role, '--port', '0', '--store', store], { VERSION: version })
  const working = async (version: string) => {
    const cli = serve(version, 'worker')
    await cli.says(/^worker\s+\S+$/m)
    return cli
  }
  const base = (await serve(api, 'api').says(/^address\s+(http\S+)$/m))[1] ?? ''
  await working(worker)

  const post = async (body: object): Promise<string> => {
    const answer = await fetch(base, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(202)
    return ((await answer.json()) as { jobId: string }).jobId
  }
  const seen = async (ids: string[]) =>
    Promise.all(ids.map(async (id) => (await (await fetch(`${base}/${id}`)).json()) as Record<string, unknown>))
  const ended = (ids: string[]) =>
    until(
      async () => {
        const jobs = await seen(ids)
        return jobs.every(({ completedAt }) => completedAt) ? jobs : null
      },
      'every job ends',
      { ms: 60_000 },
    )

  const waiting: string[] = []
  for (const body of unknown) waiting.push(await post(body))
  const understood: string[] = []
  for (const body of known) understood.push(await post(body))

  // Jobs that both versions can run still run.
  expect(await ended(understood)).toMatchObject(
    known.map(() => ({ status: 'completed', output: { by: Number(worker) } })),
  )
  const unread = waiting.filter((_, i) => ['report', 'mail'].includes(unknown[i]?.type ?? ''))
  await until(async () => (await seen(unread)).every(({ lastError }) => lastError))
  for (const job of await seen(unread)) {
    expect(job).toMatchObject({ attempt: expect.any(Number), lastError: { code: 'input-unreadable', retryable: true } })
    expect(job).toMatchObject({ completedAt: null })
  }

  // Finish the deploy: workers of both versions run for a while.
  await working(api)
  for (const job of await ended(waiting)) {
    expect(job).toMatchObject({ status: 'completed', attempt: 1, maxAttempts: 1, output: { by: Number(api) } })
    expect(job).not.toHaveProperty('lastError')
  }
})
