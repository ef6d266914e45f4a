/** Hono: a middleware identifies the caller, a handler serves /api/jobs, and one route of the app creates a job itself. */
import { setTimeout as pause } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { createJobs, job, sqlite } from 'uketsuke'
import { honoAccept, honoJobs } from 'uketsuke/hono'
import { z } from 'zod'

const report = job({
  input: z.object({ year: z.int().min(1900) }),
  async run({ input, progress, signal }) {
    for (let page = 1; page <= 5; page++) {
      await pause(200, undefined, { signal }) // your work
      progress(page * 20, `Page ${page} of 5`)
    }
    return { url: `/reports/${input.year}.pdf` }
  },
})
const jobs = createJobs({ jobs: { report }, store: sqlite(process.env.DATABASE ?? 'jobs.db') })

type SignedIn = { Variables: { userId?: string } }
const identify = (c: Context<SignedIn>) => {
  const owner = c.get('userId')
  return owner && { owner }
}

const app = new Hono<SignedIn>()
app.use(async (c, next) => {
  // Your sign-in: Better Auth, Auth.js, …
  if (c.req.header('authorization') === 'Bearer secret-of-ann') c.set('userId', 'ann')
  await next()
})
app.all('/api/jobs/*', honoJobs(jobs, { identify }))
app.post('/reports/:year', honoAccept(jobs, reportOf, { identify }))

function reportOf(c: Context<SignedIn>) {
  return { type: 'report', input: { year: Number(c.req.param('year')) } } as const
}

const port = Number(process.env.PORT ?? 3000)
const server = serve({ fetch: app.fetch, port }, () => console.log(`http://localhost:${port}`))
await jobs.work()

process.once('SIGTERM', () => {
  server.close()
  void jobs.close()
})
