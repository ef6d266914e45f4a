import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { silentLog } from '../../packages/uketsuke/src/base/log.ts'
import { job } from '../../packages/uketsuke/src/definition/define.ts'
import { openapiDocument } from '../../packages/uketsuke/src/http/openapi/document.ts'
import { statuses } from '../../packages/uketsuke/src/http/problem.ts'
import { routes as all } from '../../packages/uketsuke/src/http/router.ts'
import { createJobs, sqlite } from '../../packages/uketsuke/src/index.ts'
import { body, serve } from './server.ts'

/** The page of the API reference is not part of the API. */
const routes = all.filter((route) => !route.public)

const run = () => null
const node: z.ZodType = z.object({ children: z.lazy(() => z.array(node)) })
const types = new Map<string, { input: unknown }>([
  ['zod', job({ input: z.object({ a: z.string() }), run })],
  ['arktype', job({ input: type({ n: 'number' }), run })],
  ['valibot:1', job({ input: v.object({ a: v.string() }), run })],
  ['recursive', job({ input: node, run })],
  ['date', job({ input: z.object({ at: z.date() }), run })],
])
const document = openapiDocument({ base: '/api/jobs', types, log: silentLog, endpoints: {} }, routes)
const schemas: Record<string, unknown> = document.components.schemas
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    path,
    method,
    operation: operation as Record<string, unknown>,
  })),
)

describe('the OpenAPI document', () => {
  it('contains exactly the routes of the route table', () => {
    const named = (list: { method: string; path: string }[]) =>
      list.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort()
    expect(named(operations)).toEqual(named([...routes]))
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(routes.length)
  })

  it('has the structure of OpenAPI 3.1', () => {
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: expect.any(String), version: expect.any(String) },
      servers: [{ url: '/api/jobs' }],
      security: [{ bearer: [] }],
    })
    for (const { path, operation } of operations) {
      expect(operation).toMatchObject({ operationId: expect.any(String), summary: expect.any(String) })
      const parameters = operation.parameters as { name: string; in: string; required?: boolean; schema: object }[]
      const inPath = parameters.filter((one) => one.in === 'path').map((one) => `{${one.name}}`)
      expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? [])
      for (const one of parameters) expect(one).toMatchObject({ name: expect.any(String), schema: expect.any(Object) })
      for (const [status, answer] of Object.entries(operation.responses as object)) {
        expect([status, answer]).toEqual([
          expect.stringMatching(/^[2-5]\d\d$/),
          expect.objectContaining({ description: expect.any(String) }),
        ])
      }
    }
    for (const key of Object.keys(schemas)) expect(key).toMatch(/^[\w.-]+$/)
  })

  it('contains only references that resolve', () => {
    const missing = new Set<string>()
    const walk = (value: unknown, local: boolean): void => {
      if (typeof value !== 'object' || value === null) return
      const own = local || '$id' in value
      for (const [name, inner] of Object.entries(value)) {
        const key = name === '$ref' && !own ? String(inner).replace('#/components/schemas/', '') : null
        if (key !== null && !(key in schemas)) missing.add(key)
        walk(inner, own)
      }
    }
    walk(document, false)
    expect([...missing]).toEqual([])
  })

  it('lists the query parameters of each route', () => {
    for (const { path, method, query } of routes) {
      const { operation } = operations.find((one) => one.path === path && one.method === method.toLowerCase())!
      const told = (operation.parameters as { name: string; in: string }[]).filter((one) => one.in === 'query')
      // Others are ignored by the routes of another protocol.
      if (query !== null) expect(told.map(({ name }) => name).sort()).toEqual([...query].sort())
    }
  })

  it('names the scope of each route, and the 403 of a credential without it', () => {
    for (const { path, method, scope } of routes) {
      const { operation } = operations.find((one) => one.path === path && one.method === method.toLowerCase())!
      expect(operation.security).toEqual(scope === null ? undefined : [{ bearer: [scope] }])
      expect(Object.keys(operation.responses as object).includes('403'), path).toBe(scope !== null)
    }
  })

  it('contains the input schema of every job type, if its library supports it', () => {
    expect(schemas).toMatchObject({
      'Input.zod': { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      'Input.arktype': { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
      'Input.valibot_1': {},
      'Input.date': { type: 'object', properties: { at: {} }, required: ['at'] },
    })
    const { oneOf } = schemas.NewJob as { oneOf: { properties: { type: { const: string } } }[] }
    expect(oneOf.map(({ properties }) => properties.type.const)).toEqual([...types.keys()])
  })

  it('describes the outputs of the types that have an output schema', () => {
    const input = z.object({})
    const one = { input, output: z.object({ at: z.string(), pages: z.string().transform(Number).pipe(z.int()) }) }
    const jobOf = (all: [string, { input: unknown; output?: unknown }][]) => {
      const { components } = openapiDocument(
        { base: '/', log: silentLog, endpoints: null, types: new Map(all) },
        routes,
      )
      return { output: components.schemas.Job.properties.output, schemas: components.schemas as Record<string, object> }
    }
    const both = jobOf([
      ['a', one],
      ['b', { input, output: undefined }],
    ])
    expect(both.output).toEqual({ anyOf: [{ $ref: '#/components/schemas/Output.a' }, {}] })
    // What is stored, after the transforms.
    expect(both.schemas['Output.a']).toMatchObject({
      properties: { at: { type: 'string' }, pages: { type: 'integer' } },
    })
    expect(jobOf([['a', one]]).output).toEqual({ anyOf: [{ $ref: '#/components/schemas/Output.a' }] })
    expect(jobOf([['b', { input }]]).output).toEqual({})
  })

  it('contains the webhooks, the events and all problems', () => {
    expect(Object.keys(document.webhooks)).toEqual(['job.completed', 'job.failed', 'job.cancelled', 'batch.completed'])
    expect(schemas.JobEvent).toMatchObject({ properties: { type: { enum: expect.arrayContaining(['job.snapshot']) } } })
    const text = JSON.stringify(document.paths)
    for (const code of Object.keys(statuses)) {
      if (!['not-found', 'method-not-allowed'].includes(code)) expect(text).toContain(`${code}: `)
    }
  })

  it('is served to authenticated callers, and every job matches it', async () => {
    const api = await serve()
    const response = await api.call('/openapi.json', { as: 'writer' })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    const served = (await body(response)) as unknown as typeof document
    expect(Object.keys(served.components.schemas)).toContain('Input.report')
    const { required, properties } = served.components.schemas.Job
    const created = await body(
      await api.post('', { type: 'report', input: { pages: 1 }, metadata: {}, webhookUrl: 'https://example.com/' }),
    )
    for (const name of required) expect(created).toHaveProperty(name)
    for (const name of Object.keys(created)) if (name !== 'message') expect(properties).toHaveProperty(name)
    await api.close()
  })
})

describe('the API reference', () => {
  it('is served without a credential, with a strict policy and its own assets only, unless it is turned off', async () => {
    const make = (docs?: boolean) => {
      const jobs = createJobs({ jobs: {}, store: sqlite(':memory:'), log: silentLog, authenticate: () => null, docs })
      onTestFinished(() => jobs.close())
      return (path: string) => jobs.fetch(new Request(`http://x/api/jobs${path}`))
    }
    const get = make()
    const page = await get('/docs')
    expect([page.status, page.headers.get('content-security-policy')]).toEqual([
      200,
      expect.stringMatching(/^default-src 'none'; script-src 'self';/),
    ])
    const html = await page.text()
    expect(html).not.toMatch(/https?:|<script>|onclick/)
    for (const asset of ['ui.js', 'ui.css', 'page.js']) {
      expect(html).toMatch(new RegExp(`"docs/${asset}"`))
      expect((await get(`/docs/${asset}`)).status).toBe(200)
    }
    for (const path of ['/docs/other.js', '/docs/../package.json', '/docs/ui.js/x', '/docs/%2e%2e']) {
      expect([path, [404, 401].includes((await get(path)).status)]).toEqual([path, true])
    }
    expect((await get('/openapi.json')).status).toBe(401)
    expect((await make(false)('/docs')).status).toBe(404)
  })
})
