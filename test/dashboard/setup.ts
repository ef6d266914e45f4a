import { z } from 'zod'
import { createJobs, job, silentLog, sqlite, type WebhookOptions } from '../../packages/uketsuke/src/index.ts'
import { atEnd, gate, tempFile } from '../jobs/setup.ts'

type Dashboard = ReturnType<ReturnType<typeof createJobs>['dashboard']>
type DashboardOptions = Parameters<ReturnType<typeof createJobs>['dashboard']>[0]

const json = { 'Content-Type': 'application/json', 'Uketsuke-Dashboard': '1' }

/** Calls a dashboard as its pages do. */
export function client(dashboard: Dashboard) {
  const call = async (path: string, init?: RequestInit) => {
    const response = await dashboard(new Request(`https://ops.example/tools/dashboard/dashboard-api/${path}`, init))
    const text = await response.text()
    // biome-ignore lint/suspicious/noExplicitAny: a test asserts what the body is.
    return { status: response.status, headers: response.headers, body: JSON.parse(text === '' ? 'null' : text) as any }
  }
  return {
    call,
    get: (path: string) => call(path),
    post: (path: string, body: object = {}, headers: Record<string, string> = json) =>
      call(path, { method: 'POST', headers, body: JSON.stringify(body) }),
  }
}

/** Jobs of three types, and a dashboard over them. `held` runs until it is let go. */
export function withDashboard(given: Partial<DashboardOptions> = {}, options: { webhooks?: WebhookOptions } = {}) {
  const held = gate()
  const types = {
    limited: job({ input: z.looseObject({}), concurrency: { limit: 1 }, run: () => {} }),
    report: job({ input: z.looseObject({}), run: ({ input }) => ({ got: input }) }),
    broken: job({
      input: z.looseObject({ why: z.string() }),
      maxAttempts: 1,
      run({ input, log }) {
        log.warn({ why: input.why }, 'about to fail')
        throw new Error(`Disk ${Math.round(Math.random() * 1e6)} of "${input.why}" is full`)
      },
    }),
    held: job({ input: z.looseObject({}), run: ({ signal }) => Promise.race([held.passed, aborted(signal)]) }),
  }
  const jobs = createJobs({
    jobs: types,
    store: sqlite(tempFile()),
    log: silentLog,
    authenticate: () => ({ owner: 'ann' }),
    ...options,
  })
  atEnd(async () => {
    held.open()
    await jobs.close()
  })
  const dashboard = jobs.dashboard({ authorize: () => ({ name: 'olga' }), readOnly: false, ...given })
  return { jobs, dashboard, held, ...client(dashboard) }
}

const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
