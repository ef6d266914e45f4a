/** One jobs module in two versions, as during a rolling deploy: `VERSION=1` and `VERSION=2`. */
import { defineJobs, job, silentLog } from 'uketsuke'
import { z } from 'zod'

const version = Number(process.env.VERSION)
const run = ({ input }) => ({ by: version, input })
const formats = version === 1 ? ['pdf', 'csv'] : ['pdf', 'xlsx']

export default defineJobs({
  jobs: {
    /** Version 2 removes one enum value and adds another. */
    report: job({ input: z.object({ format: z.enum(formats) }), maxAttempts: 1, run }),
    /** Version 2 requires a new member. */
    mail: job({ input: version === 1 ? z.object({}) : z.object({ to: z.string() }), maxAttempts: 1, run }),
    /** Version 2 removes one type and adds another. */
    [version === 1 ? 'old' : 'new']: job({ input: z.object({}), maxAttempts: 1, run }),
  },
  authenticate: () => ({ owner: 'ann' }),
  log: silentLog,
})
