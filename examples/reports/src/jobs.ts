import { createJobs, handlerAt, job, localFiles } from 'uketsuke'
import { fromEnvironment } from 'uketsuke/environment'
import { z } from 'zod'
import { terminalLog } from './log.ts'
import { generateReport } from './report/generate.ts'
import { reportInput } from './report/range.ts'
import { webhookSecret } from './secret.ts'
import { filesIn, leaseMs, type Settings, storeFile } from './settings.ts'
import { tellWeather } from './story.ts'
import { ownerOf } from './users.ts'

/** The configuration of both processes: the server accepts jobs and reports their state, and the worker runs them. */
export function openJobs(settings: Settings, name: 'server' | 'worker') {
  return createJobs({
    jobs: {
      'generate-report': job({
        description: 'Writes a PDF about the weather of Seattle and New York between two days of 2012 to 2015.',
        mcp: { annotations: { title: 'Weather report', destructiveHint: false, openWorldHint: false } },
        input: reportInput,
        run({ input, jobId, signal, progress, files }) {
          const { pace = settings.pace, ...range } = input
          const name = `weather-${range.startDate}-to-${range.endDate}.pdf`
          const save = (pdf: AsyncIterable<Uint8Array>) => files.save(name, pdf)
          return generateReport({ ticket: jobId, range, save, pace, signal, progress })
        },
      }),
      'tell-weather': job({
        input: z.object({
          year: z.int().min(2012).max(2015).default(2014),
          pace: z.int().min(0).max(1_000).default(40),
        }),
        stream: 'text',
        run: tellWeather,
      }),
      'count-primes': job({
        input: z.object({ seconds: z.int().min(1).max(60).default(20) }),
        isolation: 'thread',
        run: handlerAt<typeof import('./primes.js')>(new URL('./primes.js', import.meta.url)),
      }),
    },
    // DATABASE_URL and REDIS_URL select the store and Redis. Default: one SQLite file.
    ...fromEnvironment({ file: storeFile(settings) }),
    // On SQLite, this would be the default.
    files: localFiles(filesIn(settings)),
    authenticate({ headers }) {
      const owner = ownerOf(headers.get('authorization'), headers.get('cookie'))
      return owner === null ? null : { owner }
    },
    lease: leaseMs,
    webhooks: {
      secret: webhookSecret(settings.folder),
      // The demo's own receiver. All other private addresses stay forbidden.
      allowHosts: [`127.0.0.1:${settings.port}`],
    },
    log: terminalLog(name),
  })
}

export type DemoJobs = ReturnType<typeof openJobs>
