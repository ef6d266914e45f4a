import type { JobService } from '../../service.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'
import { jsonOf, parameter, problems } from './responses.ts'
import { eventSchema, newJobMembers, schemas } from './schemas.ts'
import { type TypeSchema, typeSchemas } from './type-schemas.ts'

export const openapi: Route = {
  method: 'GET',
  path: '/openapi.json',
  scope: null,
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'getOpenApi',
    summary: 'Get this document.',
    responses: {
      200: {
        description: 'The OpenAPI 3.1 document.',
        content: { 'application/json': { schema: { type: 'object' } } },
      },
      ...problems(400, 406),
    },
  },
  async handle({ service, routes, options }) {
    // Job types never change, and what cannot be described is logged once.
    service.openapi ??= openapiDocument(service, routes, options.apiKeys === true)
    return json(service.openapi, 200, { 'Cache-Control': 'private, no-cache' })
  },
}

interface Described extends Pick<JobService, 'base' | 'log'> {
  /** Null if webhook endpoints are not enabled. */
  readonly endpoints: object | null
  readonly types: ReadonlyMap<string, { readonly input: unknown; readonly output?: unknown }>
}

/** Generates the OpenAPI 3.1 document from the route table and the schemas of the job types. */
export function openapiDocument(service: Described, routes: readonly Route[], apiKeys = false) {
  const listed = routes.filter(
    (route) => !route.public && (service.endpoints !== null || !route.path.startsWith('/webhook-endpoints')),
  )
  const { inputs, outputs } = typeSchemas(service.types, [...Object.keys(schemas), 'NewJob'], service.log)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Jobs',
      version: '1',
      description: 'Durable asynchronous jobs: 202 Accepted, then polling, server-sent events or signed webhooks.',
    },
    servers: [{ url: service.base || '/' }],
    security: securityOf([], apiKeys),
    tags: ['Jobs', 'Event streams', 'Webhooks'].map((name) => ({ name })),
    paths: paths(listed, apiKeys),
    webhooks: {
      'job.completed': webhook('job.completed'),
      'job.failed': webhook('job.failed'),
      'job.cancelled': webhook('job.cancelled'),
      'batch.completed': batchWebhook,
    },
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        ...(apiKeys && { apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' } }),
      },
      schemas: {
        ...schemas,
        Job: withOutputs(outputs, service.types.size),
        NewJob: inputs.length === 0 ? noJob : { oneOf: inputs.map(({ type, key }) => newJob(type, key)) },
        ...Object.fromEntries([...inputs, ...outputs].flatMap(({ components }) => [...components])),
      },
    },
  }
}

/** Any one of the credentials. For a scheme other than OAuth 2, OpenAPI 3.1 lists roles here. */
const securityOf = (scopes: readonly string[], apiKeys: boolean) => [
  { bearer: scopes },
  ...(apiKeys ? [{ apiKey: scopes }] : []),
]

function tagOf(path: string): string {
  if (/webhook-endpoints|deliveries/.test(path)) return 'Webhooks'
  return /stream|events/.test(path) ? 'Event streams' : 'Jobs'
}

function paths(routes: readonly Route[], apiKeys: boolean): Record<string, Record<string, object>> {
  const all: Record<string, Record<string, object>> = {}
  for (const { path, method, operation, scope } of routes) {
    const own = operation.parameters ?? []
    all[path] ??= {}
    all[path][method.toLowerCase()] = {
      ...operation,
      tags: [tagOf(path)],
      ...(scope !== null && { security: securityOf([scope], apiKeys) }),
      parameters: [...inPath.filter(({ name }) => path.includes(`{${name}}`)), ...own],
      responses: { ...operation.responses, ...problems(401, ...(scope === null ? [] : [403]), 429, 500, 503) },
    }
  }
  return all
}

const inPath = [
  parameter.jobId,
  parameter.batchId,
  parameter.deliveryId,
  parameter.endpointId,
  parameter.fileName,
  parameter.run,
]

const webhook = (type: string) => ({
  post: {
    operationId: type.replace('.', '-'),
    summary: `Sent to the job's webhookUrl when the job is ${type.slice('job.'.length)}. Follows Standard Webhooks. Delivered at least once.`,
    parameters: ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => ({
      name,
      in: 'header',
      required: true,
      schema: { type: 'string' },
    })),
    requestBody: { required: true, content: { 'application/json': { schema: eventSchema([type]) } } },
    responses: { '2XX': { description: 'Received. Any other response is retried.' } },
  },
})

const batchWebhook = {
  post: {
    ...webhook('batch.completed').post,
    summary:
      'Sent to the batchWebhookUrl of a call when all its jobs have ended. Follows Standard Webhooks. Delivered at least once.',
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['type', 'timestamp', 'data'],
            properties: {
              type: { const: 'batch.completed' },
              timestamp: { type: 'string', format: 'date-time' },
              data: { $ref: '#/components/schemas/Batch' },
            },
          },
        },
      },
    },
  },
}

/** The schema of a job, whose output is that of one of the types. A type without an output schema allows any. */
function withOutputs(outputs: readonly TypeSchema[], types: number) {
  const known: object[] = outputs.map(({ key }) => jsonOf(key)['application/json'].schema)
  if (outputs.length < types) known.push({})
  const output = outputs.length === 0 ? schemas.Job.properties.output : { anyOf: known }
  return { ...schemas.Job, properties: { ...schemas.Job.properties, output } }
}

/** `oneOf` must not be empty. */
const noJob = { description: 'This server has no job types.', not: {} }

const newJob = (type: string, key: string) => ({
  type: 'object',
  required: ['type', 'input'],
  properties: { type: { const: type }, input: jsonOf(key)['application/json'].schema, ...newJobMembers },
  additionalProperties: false,
})
