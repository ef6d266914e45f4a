import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import { pino } from 'pino'
import { createJobs } from '../api/create-jobs.ts'
import { fromEnvironment } from '../api/environment.ts'
import type { Jobs } from '../api/jobs.ts'
import type { JobsModule } from '../api/options.ts'
import type { JobTypes } from '../definition/define.ts'
import { nodeListener } from '../http/adapters/node.ts'
import { parseOptions, UsageError, whole } from './arguments.ts'
import { loadModule } from './module.ts'

const text = { type: 'string' } as const
const roles = ['all', 'api', 'worker']

export async function serve(args: readonly string[]): Promise<number> {
  const options = { jobs: text, role: text, port: text, host: text, concurrency: text, store: text, schema: text }
  const asked = parseOptions('serve', args, { ...options, 'anyone-may-call': { type: 'boolean' } })
  const { role = 'all', host = '127.0.0.1', store: file, schema } = asked
  if (!roles.includes(role))
    throw new UsageError(`--role must be one of ${roles.join(', ')}, not ${JSON.stringify(role)}.`)
  const port = whole('port', asked.port, 3_000, 0, 65_535)
  const concurrency = whole('concurrency', asked.concurrency, 10, 1, 100_000)
  const module = await loadModule(asked.jobs)
  const open = role !== 'worker' && admit(module, host, asked['anyone-may-call'] === true)

  const log = module.log ?? pino({ name: 'uketsuke' }, pino.destination(2))
  const authenticate = open ? () => ({ owner: 'anyone' }) : module.authenticate
  const jobs = createJobs({ ...module, log, authenticate, ...fromEnvironment({ file, schema }) })
  let server: Server | null = null
  try {
    await jobs.ready()
    // The port before the work: who finds it taken must not have begun a job.
    if (role !== 'worker')
      server = await listen(open ? loopbackOnly(nodeListener(jobs)) : nodeListener(jobs), port, host)
    const worker = role === 'api' ? null : await jobs.work({ concurrency })
    console.log(about(jobs, server, worker?.id ?? null))
    await toldToStop()
  } finally {
    await stop(jobs, server)
  }
  return 0
}

/** Whether anybody may call. @throws {UsageError} where nobody could be known, and it was not said in words that this is meant */
function admit({ authenticate }: JobsModule<JobTypes>, host: string, anyone: boolean): boolean {
  if (!anyone && authenticate === undefined) {
    throw new UsageError(
      'The module has no authenticate, so nobody who calls could be known: add it, or say --anyone-may-call on a loopback address.',
    )
  }
  if (anyone && !isLoopback(host)) {
    throw new UsageError(`--anyone-may-call serves on a loopback address only, and ${JSON.stringify(host)} is none.`)
  }
  return anyone
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** A name of somebody's own that points at this machine must not let their page in. */
const loopbackOnly =
  (answer: RequestListener): RequestListener =>
  (req, res) => {
    const name = (req.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
    if (isLoopback(name)) answer(req, res)
    else
      res.writeHead(421, { 'Content-Type': 'text/plain' }).end('This server answers to 127.0.0.1 and localhost only.\n')
  }

async function listen(answer: RequestListener, port: number, host: string): Promise<Server> {
  const server = createServer(answer).listen(port, host)
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(
      code === 'EADDRINUSE' ? `Port ${port} on ${host} is taken: choose another one with --port.` : message,
    )
  }
}

function about(jobs: Jobs, server: Server | null, worker: string | null): string {
  const lines = [
    ['address', server === null ? 'none: this process works and does not serve' : addressOf(server) + jobs.basePath],
    ['store', jobs.store.description.durability],
    ['dispatch', jobs.dispatch.description],
    ['worker', worker ?? 'none: this process serves and does not work'],
  ]
  return lines.map(([name = '', value]) => `${name.padEnd(10)}${value}`).join('\n')
}

function addressOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** Ctrl-C may reach a process twice, from the terminal and from npm: the second one is not a second wish. */
async function toldToStop(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve())
  })
}

/** The listener first: a stream that ends is to come back to another process. */
async function stop(jobs: Jobs, server: Server | null): Promise<void> {
  const closed = new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())))
  server?.closeIdleConnections()
  await jobs.close()
  server?.closeAllConnections()
  await closed
}
