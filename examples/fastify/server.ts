/** Fastify: a hook identifies the caller, a plugin serves /api/jobs, and one route of the app creates a job itself. */
import { setTimeout as pause } from 'node:timers/promises'
import fastify, { type FastifyRequest } from 'fastify'
import { createJobs, job, sqlite } from 'uketsuke'
import { fastifyAccept, fastifyJobs } from 'uketsuke/fastify'
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

type SignedIn = FastifyRequest & { userId?: string | null }
const identify = ({ userId }: SignedIn) => userId && { owner: userId }

const app = fastify()
app.decorateRequest('userId', null)
app.addHook('onRequest', async (request: SignedIn) => {
  // Your sign-in: @fastify/session, @fastify/jwt, …
  if (request.headers.authorization === 'Bearer secret-of-ann') request.userId = 'ann'
})
app.register(fastifyJobs(jobs, { identify }))
app.post('/reports/:year', fastifyAccept(jobs, reportOf, { identify }))

function reportOf({ params }: SignedIn) {
  return { type: 'report', input: { year: Number((params as { year: string }).year) } } as const
}

app.addHook('preClose', () => jobs.close())
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))
await jobs.work()

process.once('SIGTERM', () => void app.close())
