import type { Desk } from '../desk.ts'
import { json } from './answer.ts'
import type { Route } from './call.ts'
import { jsonOf, parameter, problems } from './describe.ts'
import { asked, envelope, schemas } from './schemas.ts'

export const openapi: Route = {
  method: 'GET',
  path: '/openapi.json',
  scope: null,
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'getOpenApi',
    summary: 'This document.',
    responses: {
      200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } },
    },
  },
  async handle({ desk, routes }) {
    return json(openapiDocument(desk, routes), 200, { 'Cache-Control': 'private, no-cache' })
  },
}

interface Described extends Pick<Desk, 'base'> {
  readonly types: ReadonlyMap<string, { readonly input: unknown }>
}

/** The API as OpenAPI 3.1, made of the route table and the job types' own schemas. */
export function openapiDocument(desk: Described, routes: readonly Route[]) {
  const inputs = [...desk.types].map(([type, { input }]) => ({
    type,
    key: componentKey(type),
    schema: inputSchema(type, input),
  }))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Jobs',
      version: '1',
      description: 'Durable jobs: 202 at once, then polling, SSE or a signed webhook.',
    },
    servers: [{ url: desk.base || '/' }],
    security: [{ bearer: [] }],
    paths: paths(routes),
    webhooks: {
      'job.completed': webhook('job.completed'),
      'job.failed': webhook('job.failed'),
      'job.cancelled': webhook('job.cancelled'),
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {
        ...schemas,
        NewJob: { oneOf: inputs.map(({ type, key }) => newJob(type, key)) },
        ...Object.fromEntries(inputs.map(({ key, schema }) => [key, schema])),
      },
    },
  }
}

function paths(routes: readonly Route[]): Record<string, Record<string, object>> {
  const all: Record<string, Record<string, object>> = {}
  for (const { path, method, operation, scope } of routes) {
    const own = operation.parameters ?? []
    all[path] ??= {}
    all[path][method.toLowerCase()] = {
      ...operation,
      parameters: path.startsWith('/{jobId}') ? [parameter.jobId, ...own] : own,
      responses: { ...operation.responses, ...problems(401, ...(scope === null ? [] : [403]), 429, 500, 503) },
    }
  }
  return all
}

const webhook = (type: string) => ({
  post: {
    summary: `Standard Webhooks: sent to the job's webhookUrl once it is ${type.slice('job.'.length)}. At least once.`,
    parameters: ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => ({
      name,
      in: 'header',
      required: true,
      schema: { type: 'string' },
    })),
    requestBody: { required: true, content: { 'application/json': { schema: envelope([type]) } } },
    responses: { '2XX': { description: 'Received. Anything else is tried again.' } },
  },
})

const newJob = (type: string, key: string) => ({
  type: 'object',
  required: ['type', 'input'],
  properties: { type: { const: type }, input: jsonOf(key)['application/json'].schema, ...asked },
  additionalProperties: false,
})

const componentKey = (type: string) =>
  `Input.${type.replace(/[^\w.-]/g, (char) => `_${char.codePointAt(0)?.toString(16)}_`)}`

/** By Standard JSON Schema, where the user's schema library has it; else, or where it cannot say, anything. */
function inputSchema(type: string, schema: unknown): object {
  const made = jsonSchema(schema)
  // An id of its own, so that its `#/$defs/…` are looked up in itself and not in this document.
  return { $id: `urn:uketsuke:input:${encodeURIComponent(type)}`, ...made }
}

interface Convertible {
  '~standard'?: { jsonSchema?: { input(options: { target: 'draft-2020-12' }): Record<string, unknown> } }
}

function jsonSchema(schema: unknown): Record<string, unknown> {
  try {
    return (schema as Convertible)['~standard']?.jsonSchema?.input({ target: 'draft-2020-12' }) ?? {}
  } catch {
    return {}
  }
}
