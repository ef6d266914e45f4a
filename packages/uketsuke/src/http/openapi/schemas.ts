/** JSON Schemas (2020-12) of request and response bodies, for the OpenAPI document. */

import { jobStatuses } from '../../domain/job.ts'
import { problemType } from '../problem.ts'

const text = { type: 'string' } as const
const time = { type: 'string', format: 'date-time' } as const
const timeOrNull = { type: ['string', 'null'], format: 'date-time' } as const
const count = { type: 'integer', minimum: 0 } as const
const uri = { type: 'string', format: 'uri' } as const
const path = { type: 'string', format: 'uri-reference' } as const
const failure = { $ref: '#/components/schemas/Failure' } as const

const always = {
  jobId: { type: 'string', format: 'ulid' },
  type: text,
  status: { enum: jobStatuses },
  progress: { type: 'integer', minimum: 0, maximum: 100 },
  progressMessage: { type: ['string', 'null'] },
  version: { type: 'integer', minimum: 1 },
  attempt: count,
  maxAttempts: { type: 'integer', minimum: 1 },
  priority: { enum: ['normal', 'high'] },
  createdAt: time,
  startedAt: timeOrNull,
  completedAt: { ...timeOrNull, description: 'Not null exactly when the job is terminal.' },
  runAt: time,
  cancelRequestedAt: timeOrNull,
  expiresAt: timeOrNull,
  statusUrl: path,
  streamUrl: path,
  cancelUrl: path,
}

const sometimes = {
  queuePosition: { type: 'integer', minimum: 1 },
  metadata: {},
  webhookUrl: uri,
  retryOf: text,
  batchId: text,
  input: {},
  output: {},
  outputOmitted: { const: true, description: 'The job has an output, which this response leaves out.' },
  estimatedCompletionAt: {
    ...time,
    description: 'When a running job will probably complete. Only if that can be told.',
  },
  estimateConfidence: { enum: ['low', 'medium', 'high'] },
  files: { type: 'array', items: { $ref: '#/components/schemas/File' }, description: 'What the handler has saved.' },
  error: failure,
  lastError: failure,
}

const file = {
  name: text,
  contentType: text,
  bytes: count,
  sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
  url: path,
}

const batch = {
  batchId: { type: 'string', format: 'ulid' },
  total: count,
  ...Object.fromEntries(jobStatuses.map((status) => [status, count])),
  progress: { type: 'integer', minimum: 0, maximum: 100, description: '100 exactly when all jobs have ended.' },
  createdAt: time,
  completedAt: timeOrNull,
  statusUrl: path,
  streamUrl: path,
}

const failureOrNull = { oneOf: [failure, { type: 'null' }] } as const

const listOf = (name: string) => ({
  type: 'object',
  required: ['items'],
  properties: { items: { type: 'array', items: { $ref: `#/components/schemas/${name}` } } },
})

const events = {
  type: 'array',
  items: { enum: ['job.completed', 'job.failed', 'job.cancelled'] },
  minItems: 1,
  description: 'The events to send. Default: all.',
}

const endpoint = {
  endpointId: text,
  url: uri,
  events,
  description: { type: ['string', 'null'] },
  createdAt: time,
  disabled: {
    type: ['object', 'null'],
    required: ['reason', 'at'],
    properties: { reason: { enum: ['gone', 'failing', 'owner'] }, at: time },
    description: 'Why and when sending to it stopped; null while it is enabled.',
  },
  failing: {
    type: ['object', 'null'],
    required: ['since', 'attempts'],
    properties: { since: time, attempts: count },
    description: 'Since when every webhook to it has failed; null if the last one succeeded.',
  },
}

const eventTypes = ['job.snapshot', 'job.progress', 'job.completed', 'job.failed', 'job.cancelled'] as const

export const eventSchema = (types: readonly string[]) => ({
  type: 'object',
  required: ['type', 'timestamp', 'data'],
  properties: { type: { enum: types }, timestamp: time, data: { $ref: '#/components/schemas/Job' } },
})

export const schemas = {
  Job: { type: 'object', required: Object.keys(always), properties: { ...always, ...sometimes } },
  AcceptedJob: {
    allOf: [{ $ref: '#/components/schemas/Job' }],
    type: 'object',
    required: ['message'],
    properties: {
      message: text,
      deduplicated: { const: true, description: 'An unfinished job has the same unique key: this one.' },
    },
  },
  JobList: {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: {
      items: { type: 'array', items: { $ref: '#/components/schemas/Job' } },
      nextCursor: { type: ['string', 'null'] },
    },
  },
  Batch: {
    type: 'object',
    required: Object.keys(batch),
    properties: batch,
  },
  JobEvent: eventSchema(eventTypes),
  File: { type: 'object', required: Object.keys(file), properties: file },
  FileLink: { type: 'object', required: ['url', 'expiresAt'], properties: { url: path, expiresAt: time } },
  StreamTicket: {
    type: 'object',
    required: ['ticket', 'expiresAt', 'streamUrl'],
    properties: { ticket: text, expiresAt: time, streamUrl: path },
  },
  Attempt: {
    type: 'object',
    required: ['jobId', 'attempt', 'startedAt', 'endedAt', 'outcome', 'error'],
    properties: {
      jobId: text,
      attempt: count,
      worker: text,
      startedAt: time,
      endedAt: time,
      outcome: { enum: ['completed', 'failed', 'cancelled', 'retrying', 'lease-lost', 'released'] },
      error: failureOrNull,
    },
  },
  Delivery: {
    type: 'object',
    required: [
      'deliveryId',
      'url',
      'status',
      'attempt',
      'maxAttempts',
      'nextAttemptAt',
      'completedAt',
      'error',
      'attempts',
    ],
    properties: {
      deliveryId: text,
      url: text,
      endpointId: text,
      status: { enum: [...jobStatuses, 'exhausted'] },
      attempt: count,
      maxAttempts: count,
      nextAttemptAt: timeOrNull,
      completedAt: timeOrNull,
      error: failureOrNull,
      attempts: { type: 'array', items: { $ref: '#/components/schemas/Attempt' } },
    },
  },
  DeliveryList: listOf('Delivery'),
  WebhookEndpoint: { type: 'object', required: Object.keys(endpoint), properties: endpoint },
  WebhookEndpointWithSecret: {
    allOf: [{ $ref: '#/components/schemas/WebhookEndpoint' }],
    type: 'object',
    required: ['secret'],
    properties: { secret: { ...text, description: 'Shown once.' } },
  },
  WebhookEndpointList: listOf('WebhookEndpoint'),
  NewWebhookEndpoint: {
    type: 'object',
    required: ['url'],
    properties: { url: uri, events, description: { type: ['string', 'null'], maxLength: 200 } },
    additionalProperties: false,
  },
  Recovery: { type: 'object', required: ['since'], properties: { since: time }, additionalProperties: false },
  Recovered: { type: 'object', required: ['recovered'], properties: { recovered: count } },
  Failure: {
    type: 'object',
    required: ['code', 'message', 'retryable'],
    properties: { code: text, message: text, retryable: { type: 'boolean' } },
  },
  Problem: {
    type: 'object',
    required: ['type', 'title', 'status', 'detail'],
    properties: {
      type: { ...uri, examples: [problemType('job-not-found')] },
      title: text,
      status: { type: 'integer' },
      detail: text,
      outcome: {
        const: 'unknown',
        description:
          'On a 503: it is unknown whether the job was stored. Get `jobId`, or repeat the request with the same Idempotency-Key.',
      },
      jobId: text,
      errors: {
        type: 'array',
        items: { type: 'object', required: ['pointer', 'detail'], properties: { pointer: text, detail: text } },
      },
    },
  },
}

/** The members of the `POST /` body other than `type` and `input`. */
export const newJobMembers = {
  priority: { enum: ['normal', 'high'], default: 'normal' },
  webhookUrl: uri,
  delay: { ...count, description: 'Milliseconds from now.' },
  runAt: time,
  metadata: {},
}
