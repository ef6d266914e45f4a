import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import express, { type Express } from 'express'
import { expressAccept, expressJobs } from 'uketsuke/express'
import { listen } from 'uketsuke/node'
import { bodyProblems, jsonBody } from './body.ts'
import type { DemoJobs } from './jobs.ts'
import { refuse } from './problems.ts'
import { receiver } from './receiver.ts'
import { webhookSecret } from './secret.ts'
import { leaseMs, type Settings } from './settings.ts'
import type { Supervisor } from './supervisor.ts'
import { requireOwner, sameOriginOnly, signIn } from './users.ts'

const page = fileURLToPath(new URL('../page', import.meta.url))

/** The demo app. */
export function createApp(jobs: DemoJobs, supervisor: Supervisor, settings: Settings): Express {
  const app = express().disable('x-powered-by')
  const { router, read: readReceipt } = receiver(webhookSecret(settings.folder), join(settings.folder, 'receipts'))
  app.use('/demo/receiver', router)
  app.use(sameOriginOnly)

  app.post(
    '/api/reports/generate',
    jsonBody,
    expressAccept(jobs, (req) => {
      const { webhookUrl, ...input } = (req.body ?? {}) as Record<string, unknown>
      const { startDate, endDate } = input
      // A list of jobs shows metadata, but no inputs.
      return { type: 'generate-report', input, webhookUrl, metadata: { startDate, endDate } }
    }),
  )
  app.use(expressJobs(jobs))
  // Reports as a tool for agents.
  app.use('/mcp', listen(jobs.mcp({ name: 'uketsuke-demo' }), jobs.log))

  app.get('/api/demo', (req, res) => {
    if (requireOwner(req, res) !== null)
      res.json({ worker: supervisor.state, leaseMs, receiver: `http://127.0.0.1:${settings.port}/demo/receiver` })
  })
  app.post('/api/demo/kill-worker', (req, res) => {
    if (requireOwner(req, res) !== null) res.json({ killed: supervisor.kill(), leaseMs })
  })
  app.get('/api/demo/receipts/:jobId', async (req, res) => {
    const owner = requireOwner(req, res)
    if (owner === null) return
    const job = await jobs.get(req.params.jobId, { owner })
    if (job === null) return refuse(res, 404, 'job-not-found', 'Job not found.')
    res.set('Cache-Control', 'no-store').json({ receipt: await readReceipt(job.jobId) })
  })

  // The page signs everybody in, and the server is on a loopback address: everybody is an operator.
  app.use('/dashboard', listen(jobs.dashboard({ authorize: () => true, readOnly: false }), jobs.log))

  app.use((_req, res, next) => {
    res.set(
      'Content-Security-Policy',
      "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    )
    res.set('X-Content-Type-Options', 'nosniff').set('Referrer-Policy', 'no-referrer')
    next()
  })
  app.get('/', (_req, res, next) => {
    signIn(res)
    next()
  })
  app.use(express.static(page, { cacheControl: false }))
  app.use((_req, res) => refuse(res, 404, 'not-found', 'Resource not found.'))
  app.use(bodyProblems)
  return app
}
