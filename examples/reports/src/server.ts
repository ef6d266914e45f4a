/** The demo's server. It accepts jobs and reports their state. A separate worker process runs them. */
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
let listener: RequestListener = (_req, res) => void res.writeHead(503, { 'Retry-After': '1' }).end()
const server = createServer((req, res) => listener(req, res))

try {
  const requested = readSettings(process.env)
  // Bind the port first: a second instance must fail here, before it touches the data of the first one.
  server.listen(requested.port, host)
  await once(server, 'listening')
  const settings = { ...requested, port: (server.address() as AddressInfo).port }

  const jobs = openJobs(settings, 'server')
  await jobs.ready()
  const supervisor = new Supervisor(settings)
  listener = createApp(jobs, supervisor, settings)
  supervisor.start()
  console.log(banner(`http://${host}:${settings.port}`, jobs, settings))

  let stopping = false
  const stop = async () => {
    // Ctrl-C may arrive twice, from the terminal and from npm. Ignore the second signal.
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

/** Prints one line and returns the exit code. */
function explain(error: unknown): number {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    const { port } = readSettings(process.env)
    console.error(
      `Port ${port} is already in use. Stop the other process or choose another port: PORT=${port + 1} npm start`,
    )
    return 1
  }
  console.error(message)
  return error instanceof UketsukeError && code === 'store-unusable' ? 2 : 1
}
