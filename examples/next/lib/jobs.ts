import { setTimeout as pause } from 'node:timers/promises'
import { type Contract, createJobs, job, sqlite } from 'uketsuke'
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
const make = () => createJobs({ jobs: { report }, store: sqlite(process.env.DATABASE ?? 'jobs.db') })
// Next.js loads this module more than once in one process; the jobs are created once.
const shared = globalThis as { jobs?: ReturnType<typeof make> }
shared.jobs ??= make()
export const jobs = shared.jobs
export interface AppJobs extends Contract<typeof jobs> {}
