/** The jobs module of the CLI tests. */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { defineJobs, job, silentLog } from 'uketsuke'

const anything = { '~standard': { version: 1, vendor: 'cli-tests', validate: (value) => ({ value }) } }
const quickly = { input: anything, backoff: { base: 10, max: 10 } }

export default defineJobs({
  jobs: {
    /** Returns its input. */
    echo: job({ ...quickly, run: ({ input }) => ({ input }) }),
    /** Fails, then succeeds. */
    stumble: job({
      ...quickly,
      run({ attempt }) {
        if (attempt === 1) throw new Error('NUL \u0000 and U+2028 \u2028')
        return { attempt }
      },
    }),
    /** A tool for agents. */
    shout: job({
      ...quickly,
      description: 'Returns a text in capitals.',
      mcp: true,
      run: ({ input }) => input.text.toUpperCase(),
    }),
    /** Waits for a file to appear. */
    held: job({
      ...quickly,
      async run({ input, signal, progress, log }) {
        log.info({ until: input.until }, 'waiting for a file')
        for (let i = 0; !existsSync(input.until); i++) {
          progress(Math.min(i, 90))
          await pause(20, undefined, { signal })
        }
        return { found: input.until }
      },
    }),
  },
  authenticate: ({ headers }) => {
    const owner = headers.get('authorization')?.replace('Bearer ', '')
    return owner ? { owner } : null
  },
  lease: 1_000,
  webhooks: {
    secret: 'whsec_YSBzZWNyZXQgb2YgdGhlIENMSSB0ZXN0cw==',
    allowHosts: [process.env.RECEIVER ?? '127.0.0.1:9'],
  },
  log: silentLog,
})
