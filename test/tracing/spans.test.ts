/** The spans of a job, exported by OpenTelemetry's own SDK to a collector of this test. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, JobError, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { until } from '../until.ts'

interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[]
  links?: { spanId: string }[]
  status: { code?: number }
  events?: { name: string }[]
}

/** An OTLP collector over HTTP, and an SDK that exports to it. */
async function collector() {
  const spans: OtlpSpan[] = []
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    for (const { scopeSpans } of JSON.parse(body).resourceSpans)
      for (const scope of scopeSpans) spans.push(...scope.spans)
    res.setHeader('Content-Type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url }))] })
  provider.register()
  atEnd(async () => {
    await provider.shutdown()
    trace.disable()
    context.disable()
    propagation.disable()
    server.close()
    server.closeAllConnections()
  })
  return { spans, named: (name: string) => spans.filter((span) => span.name === name) }
}

/** A receiver of webhooks that remembers the trace context. */
async function receiver() {
  const headers: (string | undefined)[] = []
  const server = createServer((req, res) => {
    headers.push(req.headers.traceparent as string | undefined)
    res.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  return { headers, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function traced(host: string, tracing = true) {
  const jobs = createJobs({
    jobs: {
      report: job({
        input: z.object({}),
        async run({ enqueue }) {
          await trace.getTracer('test').startActiveSpan('render', async (span) => span.end())
          await enqueue('mail', {})
        },
      }),
      mail: job({ input: z.object({}), run: () => 'sent' }),
      broken: job({
        input: z.object({}),
        maxAttempts: 1,
        run() {
          throw new JobError('no paper')
        },
      }),
    },
    store: sqlite(tempFile()),
    log: silentLog,
    authenticate: () => ({ owner: 'ann' }),
    webhooks: { secret: `whsec_${Buffer.alloc(32).toString('base64')}`, allowHosts: [host] },
    tracing,
  })
  atEnd(() => jobs.close())
  return jobs
}

const attributesOf = ({ attributes }: OtlpSpan) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]))

const remote = '0af7651916cd43dd8448eb211c80319c'

it('shows the way of a job from the HTTP request to the webhook as one trace', async () => {
  const { spans, named } = await collector()
  const { headers, host } = await receiver()
  const jobs = traced(host)
  await jobs.work()
  const body = JSON.stringify({ type: 'report', input: {}, webhookUrl: `http://${host}/hook?secret=1` })
  const traceparent = `00-${remote}-b7ad6b7169203331-01`
  const request = new Request('http://localhost/api/jobs', {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/json', traceparent },
  })
  const { jobId } = (await (await jobs.fetch(request)).json()) as { jobId: string }
  await until(() => named('POST').length === 1 && named('process mail').length === 1)
  expect(spans.map(({ name }) => name).sort()).toEqual([
    'POST',
    'enqueue mail',
    'enqueue report',
    'process mail',
    'process report',
    'render',
  ])
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([remote]))
  const [enqueue] = named('enqueue report')
  const [attempt] = named('process report')
  const [post] = named('POST')
  // OTLP numbers the kinds from 1.
  expect(enqueue).toMatchObject({ kind: SpanKind.PRODUCER + 1, parentSpanId: 'b7ad6b7169203331' })
  expect(attempt).toMatchObject({
    kind: SpanKind.CONSUMER + 1,
    parentSpanId: enqueue?.spanId,
    links: [{ spanId: enqueue?.spanId }],
  })
  expect(named('render')[0]?.parentSpanId).toBe(attempt?.spanId)
  expect(named('enqueue mail')[0]?.parentSpanId).toBe(attempt?.spanId)
  expect(post).toMatchObject({ kind: SpanKind.CLIENT + 1, parentSpanId: enqueue?.spanId })
  expect(attributesOf(enqueue!)).toEqual({
    'messaging.system': 'uketsuke',
    'messaging.destination.name': 'report',
    'messaging.operation.name': 'enqueue',
    'messaging.operation.type': 'send',
    'messaging.message.id': jobId,
  })
  expect(attributesOf(attempt!)).toMatchObject({
    'messaging.operation.type': 'process',
    'messaging.message.id': jobId,
    'uketsuke.attempt': 1,
  })
  expect(attributesOf(post!)).toMatchObject({ 'url.full': `http://${host}/hook`, 'http.response.status_code': 200 })
  expect(JSON.stringify(spans)).not.toContain('secret')
  expect(headers).toEqual([`00-${remote}-${post?.spanId}-01`])
})

it('marks the span of a failed attempt, and counts the jobs of a batch', async () => {
  const { named } = await collector()
  const jobs = traced('127.0.0.1:9')
  await jobs.work()
  const [first] = await jobs.enqueueMany('broken', [{}, {}])
  await until(() => named('process broken').length === 2)
  const [attempt] = named('process broken')
  expect(attempt?.status.code).toBe(SpanStatusCode.ERROR)
  expect(attempt?.events?.map(({ name }) => name)).toEqual(['exception'])
  const [batch] = named('enqueue broken')
  expect(attributesOf(batch!)['messaging.batch.message_count']).toBe(2)
  expect(attempt?.parentSpanId).toBe(batch?.spanId)
  await until(async () => (await jobs.get(first!.jobId, { owner: allOwners }))?.status === 'failed')
  await jobs.retry(first!.jobId, { owner: allOwners })
  await until(() => named('process broken').length === 3)
  expect(named('process broken')[2]?.traceId).not.toBe(attempt?.traceId)
})

it('creates no spans, and sends no trace context, unless it is asked to', async () => {
  const { spans } = await collector()
  const { headers, host } = await receiver()
  const jobs = traced(host, false)
  await jobs.work()
  await jobs.enqueue('mail', {}, { webhookUrl: `http://${host}/hook` })
  await until(() => headers.length === 1)
  expect([spans, headers]).toEqual([[], [undefined]])
})

it('adds the id of the trace to the lines about a job', async () => {
  await collector()
  const lines: object[] = []
  const log = { ...silentLog, warn: (fields: object) => void lines.push(fields) }
  const jobs = createJobs({
    jobs: { broken: job({ input: z.object({}), maxAttempts: 1, run: () => Promise.reject(new Error('no')) }) },
    store: sqlite(':memory:'),
    log: { ...log, child: (fields) => ({ ...log, warn: (more) => void lines.push({ ...fields, ...more }) }) },
    tracing: true,
  })
  atEnd(() => jobs.close())
  await jobs.work()
  const { jobId } = await jobs.enqueue('broken', {})
  await until(() => lines.length > 0)
  expect(lines[0]).toMatchObject({
    jobId,
    type: 'broken',
    attempt: 1,
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
})
