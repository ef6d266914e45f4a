import { RequestError } from './errors.ts'

/** `renew` is true after the server has responded with 401: a cached credential has expired. */
export type Credential<T> = T | ((options: { renew: boolean }) => T | Promise<T>)

export interface ClientOptions {
  /** Where the jobs API is, such as `/api/jobs` or `https://api.example.com/api/jobs`. */
  url: string
  /** A bearer token, or a function that returns one. The function is called for every request. */
  token?: Credential<string | null | undefined>
  /** Header fields for every request, or a function that returns them. The function is called for every request. */
  headers?: Credential<HeadersInit | undefined>
  /** Whether requests carry cookies. Default: `same-origin`. */
  credentials?: RequestCredentials
  /** Replaces `fetch`. */
  fetch?: typeof fetch
}

export interface RequestOptions {
  headers?: Record<string, string>
  body?: unknown
  signal?: AbortSignal | undefined
  /** How often to send the request at most, while the network or the server fails. Default: 5. */
  tries?: number
}

/** Resolves with a response of 2xx or 304. @throws {RequestError} */
export type Send = (method: string, path: string, options?: RequestOptions) => Promise<Response>

/** Sends requests to the jobs API. Repeats those that failed for a reason that may pass, and renews the credential once. */
export function createSend({ url, token, headers, credentials, fetch: custom }: ClientOptions): Send {
  const base = url.replace(/\/+$/, '')

  async function sendOnce(method: string, path: string, options: RequestOptions, renew: boolean): Promise<Response> {
    const fields = new Headers(typeof headers === 'function' ? await headers({ renew }) : headers)
    const bearer = typeof token === 'function' ? await token({ renew }) : token
    if (bearer) fields.set('authorization', `Bearer ${bearer}`)
    for (const name in options.headers) fields.set(name, options.headers[name] as string)
    const init: RequestInit = { method, headers: fields }
    if (credentials) init.credentials = credentials
    if (options.signal) init.signal = options.signal
    if (options.body !== undefined) {
      fields.set('content-type', 'application/json')
      init.body = JSON.stringify(options.body)
    }
    const response = await (custom ?? fetch)(base + path, init)
    if (response.ok || response.status === 304) return response
    if (response.status === 401 && !renew && (typeof token === 'function' || typeof headers === 'function')) {
      return sendOnce(method, path, options, true)
    }
    throw await errorOf(response)
  }

  return async (method, path, options = {}) => {
    for (let left = options.tries ?? 5, wait = 300; ; wait *= 2) {
      try {
        return await sendOnce(method, path, options, false)
      } catch (thrown) {
        options.signal?.throwIfAborted()
        const error = thrown instanceof RequestError ? thrown : unreachable(thrown)
        if (--left <= 0 || !mayPass(error)) throw error
        await pause(
          error.retryAfter === undefined ? wait * (0.5 + Math.random()) : error.retryAfter * 1_000,
          options.signal,
        )
      }
    }
  }
}

/** Whether the same request may succeed later. A request in progress with the same idempotency key is an earlier try of this one. */
const mayPass = ({ status, code }: RequestError) =>
  [0, 502, 503, 504].includes(status) || code === 'idempotency-in-progress'

const unreachable = (cause: unknown) => new RequestError('network-error', 'The server could not be reached.', { cause })

/** The JSON of a response. @throws {RequestError} `unexpected-response` if it is something else, such as a login page of a proxy */
export async function jsonOf<T>(response: Response): Promise<T> {
  if (/^application\/(.+\+)?json/.test(response.headers.get('content-type') ?? '')) return response.json()
  throw unexpected(response)
}

export const unexpected = ({ status }: Response) =>
  new RequestError('unexpected-response', `Not a response of the jobs API (${status}).`, { status })

/** A problem response (RFC 9457), whose type ends with the code. */
async function errorOf(response: Response): Promise<RequestError> {
  const { status } = response
  const retryAfter = retryAfterOf(response)
  const problem = await jsonOf<{ type?: string; title?: string; detail?: string; errors?: [] }>(response).catch(
    () => null,
  )
  const code = problem?.type?.split(/[:/]/).pop() ?? 'unexpected-response'
  const message = problem?.detail ?? problem?.title ?? `The server responded with ${status}.`
  return new RequestError(code, message, { status, retryAfter, errors: problem?.errors })
}

/** `Retry-After` in seconds, at most a minute. */
export function retryAfterOf({ headers }: Response): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return seconds >= 0 ? Math.min(60, seconds) : undefined
}

/** Resolves after `ms` milliseconds. Rejects when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted)
      resolve()
    }, ms)
    signal?.addEventListener('abort', aborted)
  })
}
