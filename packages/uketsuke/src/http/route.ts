import type { HttpService } from './http-service.ts'
import type { HttpOptions, Scope } from './identity.ts'
import type { HttpRequest } from './request.ts'
import type { HttpResponse } from './response.ts'

/** One request that found its route and whose caller is known. */
export interface RequestContext {
  readonly service: HttpService
  readonly options: HttpOptions
  readonly request: HttpRequest
  readonly owner: string
  /** Well-formed; whether there is such a job is the service's to say. Empty on routes without one. */
  readonly jobId: string
  readonly routes: readonly Route[]
}

/** One line of the table: all that is known about a route, its chapter of the OpenAPI document included. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the base path; `{jobId}` is the only parameter. */
  readonly path: '/' | '/openapi.json' | '/{jobId}' | `/{jobId}/${string}`
  readonly scope: Scope | null
  /** The query members it knows; any other is a 400. */
  readonly query: readonly string[]
  /** What it answers with, which `Accept` must allow. */
  readonly produces: 'application/json' | 'text/event-stream' | null
  /** A GET that makes no sense without its body. */
  readonly head?: false
  readonly operation: Operation
  handle(call: RequestContext): Promise<HttpResponse>
  /** Another way to be known than `authenticate`; null means: not by this one. */
  admit?(service: HttpService, query: URLSearchParams, jobId: string): Promise<string | null>
  /** The last word on an error, where a plain problem would do harm. */
  soften?(request: HttpRequest, error: { code: string; retryAfter: number | undefined }): HttpResponse | null
}

/** The route in the scope of an idempotency key: the same however a request came to it, and for each of its jobs. */
export const keyScope = (
  { prefixes: [prefix = ''] }: HttpService,
  { method, path }: Pick<Route, 'method' | 'path'>,
): string => `${method} ${path === '/' ? prefix || '/' : prefix + path}`

/** An OpenAPI operation without what every one has. */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly responses: Readonly<Record<string, object>>
  readonly parameters?: readonly object[]
  readonly requestBody?: object
}
