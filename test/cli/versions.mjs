/** One module of jobs in two versions, as while a new one is rolled out: `VERSION=1` and `VERSION=2`. */
import { defineJobs, job, silentLog } from 'uketsuke'
import { z } from 'zod'

const version = Number(process.env.VERSION)
const run = ({ input }) => ({ by: version, input })
const formats = version === 1 ? ['pdf', 'csv'] : ['pdf', 'xlsx']

export default defineJobs({
  jobs: {
    /** An enum value is removed and another one added. */
    report: job({ input: z.object({ format: z.enum(formats) }), maxAttempts: 1, run }),
    /** A member becomes required. */
    mail: job({ input: version === 1 ? z.object({}) : z.object({ to: z.string() }), maxAttempts: 1, run }),
    /** A type is removed and another one added. */
    [version === 1 ? 'old' : 'new']: job({ input: z.object({}), maxAttempts: 1, run }),
  },
  authenticate: () => ({ owner: 'ann' }),
  log: silentLog,
})
