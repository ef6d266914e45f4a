/**
 * A server for the browser tests of the client: a jobs API on SQLite that identifies by a cookie, the page, and counts of what it was
 * asked. A job of type `held` runs until the file `<folder>/<jobId>` says `done`; other texts are progress in percent. So a test can
 * kill this process without losing control of its jobs.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createJobs, job, silentLog, sqlite } from 'uketsuke'
import { nodeListener } from 'uketsuke/node'
import { z } from 'zod'

const { port, folder, script } = JSON.parse(process.argv[2])

const told = (jobId) => {
  try {
    return readFileSync(join(folder, jobId), 'utf8')
  } catch {
    return ''
  }
}

const held = job({
  input: z.object({ name: z.string() }),
  output: z.object({ name: z.string(), attempt: z.number() }),
  async run({ input, jobId, attempt, progress, signal }) {
    for (let text = ''; text !== 'done'; text = told(jobId)) {
      if (text !== '') progress(Number(text))
      await pause(20, undefined, { signal })
    }
    return { name: input.name, attempt }
  },
})

const jobs = createJobs({
  jobs: { held },
  store: sqlite(join(folder, 'jobs.db')),
  log: silentLog,
  lease: 1_500,
  authenticate: ({ headers }) => (headers.get('cookie')?.includes('user=ann') ? { owner: 'ann' } : null),
})
const listener = nodeListener(jobs)
const counts = { streams: 0, open: 0, polls: 0, created: 0 }

createServer((req, res) => {
  const path = req.url.split('?', 1)[0]
  if (path === '/counts') return res.setHeader('content-type', 'application/json').end(JSON.stringify(counts))
  if (path === '/page.js') return res.setHeader('content-type', 'text/javascript').end(readFileSync(script))
  if (!path.startsWith('/api/jobs')) {
    res.setHeader('set-cookie', 'user=ann; Path=/; HttpOnly')
    res.setHeader('content-type', 'text/html')
    return res.end(
      '<!doctype html><title>Client</title><div id="root"></div><script type="module" src="/page.js"></script>',
    )
  }
  if (path === '/api/jobs/events') {
    counts.streams++
    counts.open++
    res.on('close', () => counts.open--)
  } else if (req.method === 'POST') counts.created++
  else counts.polls++
  listener(req, res)
}).listen(port, '127.0.0.1')
await jobs.work({ concurrency: 20 })
process.on('SIGTERM', () => process.exit())
console.log('ready')
