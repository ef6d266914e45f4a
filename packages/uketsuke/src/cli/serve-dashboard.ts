import { createHash, timingSafeEqual } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { Jobs } from '../api/jobs.ts'
import { listen } from '../http/adapters/node.ts'
import { UsageError } from './arguments.ts'

export const dashboardPath = '/dashboard'

/** What `--dashboard` asks for. */
export interface ServedDashboard {
  readonly readOnly: boolean
  /** Null on a loopback address without a password: everybody there is an operator. */
  readonly password: string | null
}

/** @throws {UsageError} */
export function dashboardOf(mode: string | undefined, loopback: boolean): ServedDashboard | null {
  if (mode === undefined) return null
  if (mode !== 'read' && mode !== 'write')
    throw new UsageError(`--dashboard must be read or write, not ${JSON.stringify(mode)}.`)
  const password = process.env.UKETSUKE_DASHBOARD_PASSWORD || null
  if (password === null && !loopback)
    throw new UsageError('--dashboard on an address other than loopback requires UKETSUKE_DASHBOARD_PASSWORD.')
  if (password !== null && password.length < 12)
    throw new UsageError('UKETSUKE_DASHBOARD_PASSWORD must have at least 12 characters.')
  return { readOnly: mode === 'read', password }
}

/** Serves the dashboard below its path, and everything else with `rest`. */
export function withDashboard(
  jobs: Jobs,
  { readOnly, password }: ServedDashboard,
  rest: RequestListener,
): RequestListener {
  const authorize = ({ request }: { request: Request }) => (password === null ? true : identified(request, password))
  const dashboard = listen(jobs.dashboard({ authorize, readOnly }), jobs.log)
  return (req, res) => {
    const path = req.url?.split('?', 1)[0] ?? ''
    if (path === dashboardPath || path.startsWith(`${dashboardPath}/`)) dashboard(req, res)
    else rest(req, res)
  }
}

/** The user name of HTTP Basic authentication names the operator in the audit log. */
function identified({ headers }: Request, password: string): { name: string } | Response {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? ''
  const [, name = '', given = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (timingSafeEqual(hash(given), hash(password))) return { name }
  return new Response('The dashboard needs a password.\n', {
    status: 401,
    headers: { 'WWW-Authenticate': 'Basic realm="Uketsuke dashboard", charset="UTF-8"' },
  })
}

const hash = (text: string) => createHash('sha256').update(text).digest()
