import type { Log } from '../base/log.ts'
import type { Health } from '../domain/health.ts'

interface Managed {
  health(): Promise<Health>
  /** Null if metrics are not enabled. */
  metrics: (() => Promise<string>) | null
  log: Log
}

/**
 * Responds to `/livez`, `/readyz` and `/metrics`, below any path. Without authentication: operators serve it where only they can reach
 * it. Liveness does not ask the store: an outage of the database must not restart every process.
 */
export function managementHandler({ health, metrics, log }: Managed): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return text(405, 'Method not allowed', { Allow: 'GET, HEAD' })
    const [name] = new URL(request.url).pathname.split('/').slice(-1)
    if (name === 'livez') return text(200, 'ok')
    if (name === 'readyz') {
      const { ready, ...more } = await health()
      return Response.json({ ready, ...more }, { status: ready ? 200 : 503, headers: { 'Cache-Control': 'no-store' } })
    }
    if (name !== 'metrics' || metrics === null) return text(404, 'Not found')
    try {
      return text(200, await metrics(), { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' })
    } catch (error) {
      log.warn({ err: error }, 'failed to read metrics')
      return text(503, 'The store does not answer')
    }
  }
}

const text = (status: number, body: string, headers: Record<string, string> = {}) =>
  new Response(body.endsWith('\n') ? body : `${body}\n`, {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
  })
