import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import { createJobs } from '../api/create-jobs.ts'
import { fromEnvironment } from '../api/environment.ts'
import type { Jobs } from '../api/jobs.ts'
import type { JobsModule } from '../api/options.ts'
import { jwtFromEnvironment } from '../auth/jwt-environment.ts'
import { defaultLog, silentLog } from '../base/log.ts'
import { performance } from '../base/timers.ts'
import type { JobTypes } from '../definition/define.ts'
import { nodeListener } from '../http/adapters/node.ts'
import { checkAll, integer, parseSettings, UsageError } from './arguments.ts'
import { loadModule, moduleFile } from './module.ts'
import { dashboardOf, dashboardPath, withDashboard } from './serve-dashboard.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const roles = ['all', 'api', 'worker']
/** What one owner may do where callers are authenticated and the module sets no quotas. */
const publicQuotas = { requests: { limit: 1_000 } }

export async function serve(args: readonly string[]): Promise<number> {
  const values = parseSettings('serve', args, {
    ...{ jobs: text, role: text, port: text, host: text, concurrency: text, store: text, schema: text },
    ...{ 'management-port': text, 'management-host': text, dashboard: text },
    ...{ 'allow-anonymous': flag, 'api-keys': flag, mcp: flag },
  })
  const { host = '127.0.0.1', store: file, schema, 'management-port': managed } = values
  const { role, port, managementPort, concurrency, dashboard } = checkAll({
    role: () => roleOf(values.role),
    port: () => integer('port', values.port, 3_000, 0, 65_535),
    managementPort: () => (managed === undefined ? null : integer('management-port', managed, 0, 0, 65_535)),
    concurrency: () => integer('concurrency', values.concurrency, 10, 1, 100_000),
    dashboard: () => dashboardOf(values.dashboard, isLoopback(host)),
    jobs: () => moduleFile(values.jobs),
  })
  const module = withCredentials(await loadModule(values.jobs), values['api-keys'] === true)
  const anonymous = role !== 'worker' && isAnonymous(module, host, values['allow-anonymous'] === true)

  const log = module.log ?? defaultLog(process.stderr)
  const authenticate = anonymous ? () => ({ owner: 'anyone' }) : module.authenticate
  const quotas = module.quotas ?? (anonymous || role === 'worker' ? {} : publicQuotas)
  const jobs = createJobs({
    ...module,
    log,
    authenticate,
    quotas,
    metrics: managementPort !== null,
    ...fromEnvironment({ file, schema }),
  })
  let server: Server | null = null
  let management: Server | null = null
  try {
    // First, so that probes can see a store that does not open.
    if (managementPort !== null) {
      const listener = nodeListener({ fetch: jobs.management, log: silentLog })
      management = await listen(listener, managementPort, values['management-host'] ?? '127.0.0.1')
    }
    await jobs.ready()
    // Bind the port before starting the worker: a process that fails on a port in use must not have started a job.
    if (role !== 'worker') {
      const api = nodeListener(jobs)
      const tools = values.mcp === true ? withMcp(jobs, api) : api
      const all = dashboard === null ? tools : withDashboard(jobs, dashboard, tools)
      // Without a password, only a page of this machine may ask.
      const open = anonymous || dashboard?.password === null
      server = await listen(open ? loopbackOnly(all) : all, port, host)
    }
    const worker = role === 'api' ? null : await jobs.work({ concurrency })
    const [hasDashboard, hasMcp] = [dashboard !== null, values.mcp === true]
    console.log(summary(jobs, { server, management, worker: worker?.id ?? null, hasDashboard, hasMcp }))
    await shutdownSignal()
  } finally {
    await stop(jobs, server)
    management?.close()
    management?.closeAllConnections()
  }
  return 0
}

/** @throws {UsageError} */
function roleOf(role = 'all'): string {
  if (roles.includes(role)) return role
  throw new UsageError(`--role must be one of ${roles.join(', ')}, not ${JSON.stringify(role)}.`)
}

/** Adds the ways to authenticate that the command line and the environment select. @throws {UsageError} */
function withCredentials(module: JobsModule<JobTypes>, apiKeys: boolean): JobsModule<JobTypes> {
  const tokens = jwtFromEnvironment(process.env)
  if (tokens !== null && module.authenticate !== undefined) {
    throw new UsageError(
      'The module defines authenticate, and UKETSUKE_JWT_ISSUER selects JSON Web Tokens: remove one of them.',
    )
  }
  return { ...module, ...(tokens !== null && { authenticate: tokens }), ...(apiKeys && { apiKeys }) }
}

/** Whether to serve without authentication. @throws {UsageError} if `authenticate` is missing and anonymous access is not allowed */
function isAnonymous({ authenticate, apiKeys }: JobsModule<JobTypes>, host: string, allowed: boolean): boolean {
  const authenticated = authenticate !== undefined || apiKeys === true
  if (!allowed && !authenticated) {
    throw new UsageError(
      'The module does not define authenticate: add it, pass --api-keys, or pass --allow-anonymous to serve without authentication on a ' +
        'loopback address.',
    )
  }
  if (allowed && authenticated) {
    throw new UsageError('The module defines authenticate, and --allow-anonymous would ignore it: remove one of them.')
  }
  if (allowed && !isLoopback(host)) {
    throw new UsageError(`--allow-anonymous requires a loopback address, and --host is ${JSON.stringify(host)}.`)
  }
  return allowed
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

const mcpPath = '/mcp'

/** Serves job types as tools at one path, and everything else with `rest`. */
function withMcp(jobs: Jobs, rest: RequestListener): RequestListener {
  const tools = nodeListener({ fetch: jobs.mcp(), log: jobs.log })
  return (req, res) => (req.url?.split('?', 1)[0] === mcpPath ? tools(req, res) : rest(req, res))
}

/** Rejects other Host names, which prevents DNS rebinding: a web page whose name resolves to this machine gets no access. */
const loopbackOnly =
  (listener: RequestListener): RequestListener =>
  (req, res) => {
    const name = (req.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
    if (isLoopback(name)) listener(req, res)
    else
      res
        .writeHead(421, { 'Content-Type': 'text/plain' })
        .end('This server accepts requests for loopback host names only.\n')
  }

async function listen(listener: RequestListener, port: number, host: string): Promise<Server> {
  const server = createServer(listener).listen(port, host)
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(
      code === 'EADDRINUSE' ? `Port ${port} on ${host} is already in use: choose another port with --port.` : message,
    )
  }
}

interface Started {
  server: Server | null
  management: Server | null
  worker: string | null
  hasDashboard: boolean
  hasMcp: boolean
}

function summary(jobs: Jobs, { server, management, worker, hasDashboard, hasMcp }: Started): string {
  const lines = [
    ['address', server === null ? 'none (this process only runs jobs)' : addressOf(server) + jobs.basePath],
    ...(server !== null && hasDashboard ? [['dashboard', `${addressOf(server)}${dashboardPath}/`]] : []),
    ...(server !== null && hasMcp ? [['mcp', addressOf(server) + mcpPath]] : []),
    ['store', jobs.store.description.durability],
    ['dispatch', jobs.dispatch.description],
    ['worker', worker ?? 'none (this process only serves the API)'],
    ...(management === null ? [] : [['management', `${addressOf(management)}/livez, /readyz and /metrics`]]),
  ]
  const width = Math.max(...lines.map(([name = '']) => name.length)) + 2
  return lines.map(([name = '', value]) => `${name.padEnd(width)}${value}`).join('\n')
}

function addressOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** Signals this soon after the first are the same one: Ctrl-C arrives from the terminal and from npm. Milliseconds. */
const sameSignalMs = 1_000

/** Resolves at the first signal. A later one ends the process at once: what still runs goes to other workers when its lease expires. */
async function shutdownSignal(): Promise<void> {
  let first: number | null = null
  await new Promise<void>((resolve) => {
    const onSignal = () => {
      if (first === null) {
        first = performance.now()
        resolve()
      } else if (performance.now() - first > sameSignalMs) {
        console.error('Forced to exit: running jobs continue on another worker after their leases.')
        process.exit(1)
      }
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal)
  })
}

/** Closes the listener first, so that clients whose stream ends reconnect to another process. */
async function stop(jobs: Jobs, server: Server | null): Promise<void> {
  const closed = new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())))
  server?.closeIdleConnections()
  await jobs.close()
  server?.closeAllConnections()
  await closed
}
