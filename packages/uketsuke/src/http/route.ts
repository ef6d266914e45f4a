import type { Scope } from '../domain/scopes.ts'
import type { HttpService } from './http-service.ts'
import type { Caller, HttpOptions } from './identity.ts'
import type { HttpRequest } from './request.ts'
import type { HttpResponse } from './response.ts'

/** An authenticated request that matched a route. */
export interface RequestContext {
  readonly service: HttpService
  readonly options: HttpOptions
  readonly request: HttpRequest
  readonly owner: string
  /** Without it, responses carry no output. */
  readonly canRead: boolean
  readonly caller: Caller
  /** A well-formed job id, not necessarily of an existing job. Empty on routes without a job id. */
  readonly jobId: string
  /** The id of a webhook endpoint or of a delivery, or the name of a file. Empty on routes without one. */
  readonly itemId: string
  readonly routes: readonly Route[]
}

/** An entry of the route table, including its OpenAPI operation. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the base path. */
  readonly path:
    | '/'
    | '/openapi.json'
    | '/docs'
    | '/docs/{asset}'
    | '/events'
    | '/{jobId}'
    | `/{jobId}/${string}`
    | `/batches/${string}`
    | `/webhook-endpoints${string}`
  readonly scope: Scope | null
  /** True for a route that needs no caller, and that OpenAPI does not list. */
  readonly public?: true
  /** The allowed query parameters. Any other responds with 400; null ignores them. */
  readonly query: readonly string[] | null
  /** The media type of the response, which `Accept` must allow. */
  readonly produces: 'application/json' | 'text/event-stream' | null
  /** False for a GET route that does not support HEAD. */
  readonly head?: false
  readonly operation: Operation
  handle(context: RequestContext): Promise<HttpResponse>
  /** An alternative to `authenticate`. Returns the caller, or null to fall back to `authenticate`. */
  admit?(
    service: HttpService,
    options: HttpOptions,
    query: URLSearchParams,
    jobId: string,
    itemId: string,
  ): Promise<Caller | null>
  /** Replaces the problem response for an error, or returns null to keep it. */
  soften?(request: HttpRequest, error: { code: string; retryAfter: number | undefined }): HttpResponse | null
}

/** The route in the scope of an idempotency key. It is the same for all jobs, and whether or not a mount stripped the path. */
export const keyScope = (
  { prefixes: [prefix = ''] }: HttpService,
  { method, path }: Pick<Route, 'method' | 'path'>,
): string => `${method} ${path === '/' ? prefix || '/' : prefix + path}`

/** An OpenAPI operation without the parts that all operations share. */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly responses: Readonly<Record<string, object>>
  readonly parameters?: readonly object[]
  readonly requestBody?: object
}
