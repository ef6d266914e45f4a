export type * from '../../../packages/uketsuke/src/dashboard/wire.ts'

/** Relative to the page, which may be at any path. */
const folder = 'dashboard-api/'

/** A problem response, or no response at all. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call(path, { signal: signal ?? null })
}

/** Asks the server to change something. The header shows that the request comes from this page. */
export function post<T = unknown>(path: string, body: object = {}): Promise<T> {
  const headers = { 'Content-Type': 'application/json', 'Uketsuke-Dashboard': '1' }
  return call(path, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(folder + path, { ...init, redirect: 'manual' }).catch((error: Error) => {
    throw new ApiError(0, error.message)
  })
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  const body = isJson ? await response.json() : null
  if (response.ok && isJson) return body as T
  throw new ApiError(response.status, body?.detail ?? body?.title ?? `HTTP ${response.status}`)
}

export const liveUrl = (path: string) => `${folder}live?of=${encodeURIComponent(path)}`
