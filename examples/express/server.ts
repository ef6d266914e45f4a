/** Express: sessions identify the caller, the API serves /api/jobs, and one route of the app creates a job itself. */
import { setTimeout as pause } from 'node:timers/promises'
import express, { type Request } from 'express'
import { createJobs, job, sqlite } from 'uketsuke'
import { expressAccept, expressJobs } from 'uketsuke/express'
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

type SignedIn = Request & { user?: { id: string } }
const identify = (req: SignedIn) => req.user && { owner: req.user.id }

const app = express()
app.use((req: SignedIn, _res, next) => {
  // Your sign-in: Passport, express-session, …
  if (req.headers.authorization === 'Bearer secret-of-ann') req.user = { id: 'ann' }
  next()
})
app.use(express.json(), expressJobs(jobs, { identify }))
app.post('/reports/:year', expressAccept(jobs, reportOf, { identify }))

function reportOf({ params }: SignedIn) {
  return { type: 'report', input: { year: Number(params.year) } } as const
}

const port = Number(process.env.PORT ?? 3000)
const server = app.listen(port, () => console.log(`http://localhost:${port}`))
await jobs.work()

process.once('SIGTERM', () => {
  server.close()
  void jobs.close()
})
