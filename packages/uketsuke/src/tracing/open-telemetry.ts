import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api'
import { plainText, text } from '../base/thrown.ts'
import { version } from '../base/version.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { Carrier, Sending, Tracing } from './tracing.ts'

type Api = typeof import('@opentelemetry/api')

const system = 'uketsuke'
/** A trace context is small; a `tracestate` may be long, and is then left out. */
const longest = 1_024

/**
 * Spans through `@opentelemetry/api`, which the program's own SDK exports. The attempt is in the trace of the request that created the job,
 * and is linked to its span, so that a tool shows the whole way of a job as one picture.
 */
export class OpenTelemetry implements Tracing {
  #loaded: { api: Api; tracer: Tracer } | null = null

  /** @throws {UketsukeError} `invalid-configuration` if the package is not installed */
  async load(): Promise<void> {
    const api = await import('@opentelemetry/api').catch((cause: unknown) => {
      const sentence =
        'createJobs(): tracing requires the package @opentelemetry/api, which is not installed: run npm install @opentelemetry/api'
      throw new UketsukeError('invalid-configuration', sentence, { cause })
    })
    this.#loaded = { api, tracer: api.trace.getTracer(system, version()) }
  }

  async send<T>(
    { type, count, carrier }: Sending,
    create: (trace: string | null) => Promise<T>,
    jobOf: (of: T) => Job | null,
  ) {
    if (this.#loaded === null) return create(null)
    const { api, tracer } = this.#loaded
    const attributes: Attributes = {
      ...messaging(type),
      'messaging.operation.name': 'enqueue',
      'messaging.operation.type': 'send',
      ...(count !== undefined && { 'messaging.batch.message_count': count }),
    }
    const parent = requestContext(api, carrier)
    const span = tracer.startSpan(`enqueue ${type}`, { kind: api.SpanKind.PRODUCER, attributes }, parent)
    const context = api.trace.setSpan(parent, span)
    return during(api, span, async () => {
      const created = await api.context.with(context, () => create(carried(api, context)))
      const job = jobOf(created)
      if (job !== null) span.setAttribute('messaging.message.id', job.id)
      return created
    })
  }

  async process<T>(job: Job, run: () => Promise<T>) {
    if (this.#loaded === null) return run()
    const { api, tracer } = this.#loaded
    const attributes: Attributes = {
      ...messaging(job.type),
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': job.id,
      'uketsuke.attempt': job.attempt,
    }
    const parent = contextOf(api, job)
    const origin = api.trace.getSpanContext(parent)
    const links = origin === undefined ? [] : [{ context: origin }]
    const span = tracer.startSpan(`process ${job.type}`, { kind: api.SpanKind.CONSUMER, attributes, links }, parent)
    return during(api, span, () => api.context.with(api.trace.setSpan(parent, span), run))
  }

  async request<T extends { status: number }>(
    job: Job,
    url: URL,
    headers: Record<string, string>,
    send: () => Promise<T>,
  ) {
    if (this.#loaded === null) return send()
    const { api, tracer } = this.#loaded
    const attributes: Attributes = {
      'http.request.method': 'POST',
      'server.address': url.hostname,
      'server.port': Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      // Without the query, which may hold a secret.
      'url.full': url.origin + url.pathname,
      'http.request.resend_count': job.attempt - 1,
      'messaging.message.id': job.parent ?? job.id,
    }
    const parent = contextOf(api, job)
    const span = tracer.startSpan('POST', { kind: api.SpanKind.CLIENT, attributes }, parent)
    const context = api.trace.setSpan(parent, span)
    api.propagation.inject(context, headers)
    return during(api, span, async () => {
      const response = await api.context.with(context, send)
      span.setAttribute('http.response.status_code', response.status)
      if (response.status >= 400) span.setStatus({ code: api.SpanStatusCode.ERROR })
      return response
    })
  }
}

const messaging = (type: string) => ({ 'messaging.system': system, 'messaging.destination.name': type })

/** Ends the span with the outcome. */
async function during<T>(api: Api, span: Span, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (thrown) {
    const message = text(thrown, 'message') || plainText(thrown)
    span.recordException({ name: text(thrown, 'name') || 'Error', message })
    span.setStatus({ code: api.SpanStatusCode.ERROR, message })
    throw thrown
  } finally {
    span.end()
  }
}

/** The caller's context. Without instrumentation of the HTTP server, that of the request's headers. */
function requestContext(api: Api, carrier: Carrier | undefined): Context {
  const active = api.context.active()
  if (carrier === undefined || api.trace.getSpan(active) !== undefined) return active
  return api.propagation.extract(active, carrier, {
    get: (of, name) => of.header(name) ?? undefined,
    keys: () => [],
  })
}

/** What a job carries: JSON text of the headers that the propagator writes. */
function carried(api: Api, context: Context): string | null {
  const headers: Record<string, string> = {}
  api.propagation.inject(context, headers)
  if (Object.keys(headers).length === 0) return null
  const all = JSON.stringify(headers)
  if (all.length <= longest) return all
  return headers.traceparent === undefined ? null : JSON.stringify({ traceparent: headers.traceparent })
}

function contextOf(api: Api, { trace }: Pick<Job, 'trace'>): Context {
  try {
    return trace === null ? api.ROOT_CONTEXT : api.propagation.extract(api.ROOT_CONTEXT, JSON.parse(trace))
  } catch {
    return api.ROOT_CONTEXT
  }
}
