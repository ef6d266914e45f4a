/** The demo's server. It takes jobs and tells about them; the worker, in a process of its own, runs them. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UketsukeError } from 'uketsuke'
import { createApp } from './app.ts'
import { banner } from './banner.ts'
import { openJobs } from './jobs.ts'
import { readSettings } from './settings.ts'
import { Supervisor } from './supervisor.ts'

const host = '127.0.0.1'
let answer: RequestListener = (_req, res) => void res.writeHead(503, { 'Retry-After': '1' }).end()
const server = createServer((req, res) => answer(req, res))

try {
  const asked = readSettings(process.env)
  // The port comes first: a second start must end here, before it touches the first one's data.
  server.listen(asked.port, host)
  await once(server, 'listening')
  const settings = { ...asked, port: (server.address() as AddressInfo).port }

  const jobs = openJobs(settings, 'server')
  await jobs.ready()
  const supervisor = new Supervisor(settings)
  answer = createApp(jobs, supervisor, settings)
  supervisor.start()
  console.log(banner(`http://${host}:${settings.port}`, jobs, settings))

  let stopping = false
  const stop = async () => {
    // Ctrl-C reaches every process of the group, and npm sends it on: the second one is not a second wish.
    if (stopping) return
    stopping = true
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeIdleConnections()
    await Promise.all([jobs.close(), supervisor.stop()])
    server.closeAllConnections()
    await closed
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
} catch (error) {
  process.exitCode = explain(error)
  server.close()
}

/** One clear sentence, and the exit code. */
function explain(error: unknown): number {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    const { port } = readSettings(process.env)
    console.error(`Port ${port} is taken. Stop what listens there, or choose another one: PORT=${port + 1} npm start`)
    return 1
  }
  console.error(message)
  return error instanceof UketsukeError && code === 'store-unusable' ? 2 : 1
}
