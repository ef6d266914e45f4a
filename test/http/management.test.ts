import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createJobs, JobError, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { createTestJobs } from '../../packages/uketsuke/src/testing/index.ts'
import { atEnd } from '../jobs/setup.ts'

const types = {
  report: job({ input: z.object({}), run: () => 'done' }),
  'odd.type:1': job({
    input: z.object({}),
    maxAttempts: 2,
    run() {
      throw new JobError('no')
    },
  }),
  held: job({
    input: z.object({}),
    run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
  }),
}

const get = async (jobs: { management(request: Request): Promise<Response> }, path: string, method = 'GET') => {
  const response = await jobs.management(new Request(`http://localhost${path}`, { method }))
  return { status: response.status, text: await response.text(), headers: response.headers }
}

/** Each sample by its name and labels. The grammar is that of the exposition format; anything else fails. */
function parse(text: string): { samples: Record<string, number>; types: Record<string, string> } {
  const samples: Record<string, number> = {}
  const types: Record<string, string> = {}
  let family = ''
  expect(text.endsWith('\n')).toBe(true)
  for (const line of text.trimEnd().split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      expect(types, `${name} twice`).not.toHaveProperty(name)
      family = name
    } else if (keyword === 'TYPE') {
      expect(name).toBe(family)
      types[name] = rest
    } else {
      const label = '[a-z_]+="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"'
      const [, metric = '', labels = '', value] =
        new RegExp(`^([a-z_]+)(\\{${label}(?:,${label})*\\})? (\\S+)$`).exec(line) ?? []
      expect(value, line).toBeDefined()
      expect(metric.replace(types[family] === 'histogram' ? /_(bucket|sum|count)$/ : '', '')).toBe(family)
      expect(samples, `${line} twice`).not.toHaveProperty([metric + labels])
      samples[metric + labels] = Number(value)
    }
  }
  return { samples, types }
}

it('counts what happens, in the exposition format of Prometheus', async () => {
  const jobs = createTestJobs({ jobs: types, metrics: true, authenticate: () => ({ owner: 'ann' }) })
  atEnd(() => jobs.close())
  // The worker is a process of its own: this one accepts, serves and measures its commits.
  await jobs.enqueueMany('report', [{}, {}, {}], { delay: 60_000 })
  await jobs.enqueue('report', {})
  await jobs.clock.advance(5_000)
  const { samples, types: kinds } = parse(await jobs.metrics())
  expect(samples).toMatchObject({
    'uketsuke_jobs{type="report",status="pending"}': 4,
    'uketsuke_jobs{type="report",status="running"}': 0,
    'uketsuke_oldest_waiting_seconds{type="report"}': 5,
    uketsuke_sse_connections: 0,
    'uketsuke_store_commit_seconds_count{operation="insert"}': 2,
    'uketsuke_batch_size_sum{operation="insert"}': 4,
  })
  expect(Object.keys(samples)[0]).toMatch(/^uketsuke_build_info\{version="[^"]+",node="v[^"]+",store="memory"\}$/)
  expect(kinds).toMatchObject({
    uketsuke_jobs: 'gauge',
    uketsuke_jobs_finished_total: 'counter',
    uketsuke_job_wait_seconds: 'histogram',
    uketsuke_job_run_seconds: 'histogram',
    uketsuke_leases_expired_total: 'counter',
    uketsuke_webhook_deliveries_total: 'counter',
  })
})

it('counts the attempts of its workers, lost leases and webhooks', async () => {
  const clock = manualClock()
  const make = () =>
    createJobs({
      jobs: types,
      store,
      clock,
      metrics: true,
      log: silentLog,
      webhooks: { secret: 'whsec_YSBzZWNyZXQgZm9yIHRlc3RzIGFsb25lLCBhbmQgbm8gb3RoZXI=', allowHosts: ['127.0.0.1:9'] },
    })
  const opened = memory()(clock)
  const store = () => opened
  const jobs = make()
  const worker = await jobs.work({ concurrency: 5 })
  await jobs.enqueue('report', {}, { webhookUrl: 'http://127.0.0.1:9/' })
  await jobs.enqueue('odd.type:1', {})
  await clock.advance(10_000)
  const { samples } = parse(await jobs.metrics())
  expect(samples).toMatchObject({
    'uketsuke_jobs_finished_total{type="report",outcome="completed"}': 1,
    'uketsuke_jobs_finished_total{type="odd.type:1",outcome="failed"}': 1,
    'uketsuke_job_run_seconds_count{type="odd.type:1"}': 2,
    'uketsuke_job_wait_seconds_count{type="report"}': 1,
    'uketsuke_job_wait_seconds_bucket{type="report",le="+Inf"}': 1,
  })
  const buckets = Object.entries(samples).filter(([name]) =>
    name.startsWith('uketsuke_job_run_seconds_bucket{type="report"'),
  )
  expect(buckets.map(([, value]) => value)).toEqual([...buckets.map(([, value]) => value)].sort((a, b) => a - b))
  const closed = Promise.all([worker.stop(), jobs.close()])
  await clock.advance(60_000)
  await closed
})

it('tells probes whether the process can work', async () => {
  const clock = manualClock()
  let fails = false
  let hangs = false
  const opened = sqlite(':memory:')(clock)
  const { get: read } = opened
  opened.get = async (...args) => {
    if (fails) throw new Error('secret of the store')
    return hangs ? new Promise(() => {}) : read(...args)
  }
  const jobs = createJobs({ jobs: types, store: () => opened, clock, log: silentLog })
  expect(await get(jobs, '/livez')).toMatchObject({ status: 200, text: 'ok\n' })
  expect(await get(jobs, '/any/base/readyz')).toMatchObject({
    status: 200,
    text: '{"ready":true,"store":"ok","draining":false}',
  })
  fails = true
  expect(await get(jobs, '/readyz')).toMatchObject({
    status: 503,
    text: '{"ready":false,"store":"unavailable","draining":false}',
  })
  expect((await get(jobs, '/livez')).status).toBe(200)
  fails = false
  hangs = true
  const slow = get(jobs, '/readyz')
  await clock.advance(2_000)
  expect((await slow).status).toBe(503)
  hangs = false
  expect((await get(jobs, '/metrics')).status).toBe(404)
  expect((await get(jobs, '/livez', 'POST')).status).toBe(405)
  expect((await get(jobs, '/livez', 'HEAD')).status).toBe(200)
  await expect(jobs.metrics()).rejects.toMatchObject({ code: 'invalid-configuration' })
  const closing = jobs.close()
  expect((await jobs.health()).draining).toBe(true)
  expect((await get(jobs, '/readyz')).status).toBe(503)
  await closing
})

it('responds with 503 to a scrape while the store does not answer', async () => {
  const opened = memory()(manualClock())
  opened.unfinished = async () => {
    throw new Error('secret of the store')
  }
  const jobs = createJobs({ jobs: types, store: () => opened, metrics: true, log: silentLog })
  atEnd(() => jobs.close())
  expect(await get(jobs, '/metrics')).toMatchObject({ status: 503, text: 'The store does not answer\n' })
})

it('the Grafana dashboard uses metrics that exist', async () => {
  const jobs = createTestJobs({ jobs: types, metrics: true })
  atEnd(() => jobs.close())
  const { types: kinds } = parse(await jobs.metrics())
  const { panels } = JSON.parse(readFileSync(new URL('../../deploy/grafana.json', import.meta.url), 'utf8')) as {
    panels: { targets: { expr: string }[] }[]
  }
  const used = panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(/uketsuke_\w+/g) ?? []))
  const families = used.map((name) => (name in kinds ? name : name.replace(/_(bucket|sum|count)$/, '')))
  expect([...new Set(families)].sort()).toEqual(Object.keys(kinds).sort())
})
