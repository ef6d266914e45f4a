import type { StandardSchemaV1 } from '@standard-schema/spec'
import { assertConfiguration } from '../base/assert.ts'
import { isThenable, text as textOf } from '../base/thrown.ts'
import { type Backoff, defaultBackoff, exponential } from '../domain/backoff.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { KeyLimits } from '../domain/limits.ts'
import { isStreamMode, type StreamMode } from '../domain/live-output.ts'
import { century, day, integerOption } from '../domain/numbers.ts'
import type { Debounce } from '../domain/rules.ts'
import type { JobContext } from './context.ts'
import { type HandlerAt, type Isolation, type IsolationKind, isolationOption } from './isolated.ts'
import type { JsonOutput, LostIn } from './json.ts'
import { type McpTool, type McpToolOptions, mcpToolOption } from './mcp-tool.ts'
import { pointer } from './pointer.ts'

/** The argument of `job()`. */
export interface JobOptions<Schema extends StandardSchemaV1, Output> {
  /**
   * Any Standard Schema, such as a zod, valibot or arktype schema. Validates the input when a job is created and again
   * before it runs.
   */
  input: Schema
  /**
   * Any Standard Schema for what `run` returns. The output is validated and transformed by it before it is stored, typed by it, and
   * described by it in the OpenAPI document. A mismatch fails the job with `invalid-output`. Default: any JSON.
   */
  output?: StandardSchemaV1 | undefined
  /**
   * The handler. Its return value must be representable in JSON and becomes the job's output. If it throws, the attempt
   * fails and the job is retried; an `UnrecoverableError` fails the job immediately. Clients see the message of a
   * `JobError` or `UnrecoverableError` and of no other error. Delivery is at-least-once: a job can run more than once,
   * so make its side effects idempotent. With `isolation`, it is the default export of a module: the URL of the module, or `handlerAt`
   * of it, which tells its type.
   */
  run:
    | ((context: JobContext<StandardSchemaV1.InferOutput<Schema>>) => Output | Promise<Output>)
    | HandlerAt<Output>
    | URL
  /**
   * Runs the handler in a worker thread or in a process of its own, so that one that computes, blocks or crashes holds up no other, and
   * loses no lease. It is killed if it ignores its signal for 5 seconds. Default: it runs in the worker's own thread.
   */
  isolation?: IsolationKind | undefined
  /** With `isolation`: the size of the heap in MiB, from 16. A handler that needs more fails its attempt with `out-of-memory`. */
  memory?: number | undefined
  /** With `isolation`: variables that are added to the environment. */
  env?: Readonly<Record<string, string>> | undefined
  /**
   * What the handler writes with `output.write`, for clients to see meanwhile: `text`, `json` or `binary`. Default: nothing.
   */
  stream?: StreamMode | undefined
  /** Maximum number of attempts, from 1 to 1,000,000; 3 by default. */
  maxAttempts?: number
  /**
   * Waits between attempts in milliseconds, at most 366 days. By default 1 s, doubling up to 10 minutes. Half of each
   * wait is random.
   */
  backoff?: Partial<Backoff>
  /**
   * Maximum duration of an attempt in milliseconds, up to 366 days; 1 hour by default. Then the signal aborts and the
   * attempt fails with code `timeout`.
   */
  timeout?: number
  /** How long a finished job is kept, in milliseconds, from 1 day to 100 years; 30 days by default. */
  retention?: number
  /**
   * How many finished jobs of this type are kept, from 0 to 10,000,000; the oldest are deleted first, about once a minute. The first start
   * creates an index in the store. Default: no limit.
   */
  maxKept?: number | undefined
  /**
   * At most one unfinished job for each key. A request that meets it gets that job instead of a new one. `true` takes the whole input as the
   * key; `key` returns one, at most 1,000 characters. Owners never share a job, whatever the key. Default: false.
   */
  unique?: boolean | { key: JobKey<Schema> } | undefined
  /**
   * With `unique`: each further request replaces the input of a job that is still pending, and puts it off until `wait` milliseconds after
   * that request, but not beyond `max` milliseconds after the first. Both from 1 millisecond to 366 days. Such a job takes no `delay` and no `runAt`.
   */
  debounce?: Debounce | undefined
  /**
   * How many jobs with the same key run at the same time, in all processes, from 1 to 100,000. Without `key`, all jobs of the type share the
   * limit. A job that waits for its next attempt takes no place. Default: no limit.
   */
  concurrency?: { limit: number; key?: JobKey<Schema> | undefined } | undefined
  /**
   * How many attempts with the same key start within `per` milliseconds, in all processes: `limit` is from 1 to 1,000,000, `per` up to 366
   * days. It holds for every period of that length. Without `key`, all jobs of the type share the limit. If `concurrency` has a `key` as
   * well, it must be the same function. Default: no limit.
   */
  rateLimit?: { limit: number; per: number; key?: JobKey<Schema> | undefined } | undefined
  /** What jobs of this type do, for a model that chooses among tools. */
  description?: string | undefined
  /** Offers the type as a tool of the Model Context Protocol, with `jobs.mcp()`. It needs a `description`. Default: false. */
  mcp?: boolean | McpToolOptions | undefined
}

/** Returns a key of a new job, from its validated input. */
export type JobKey<Schema extends StandardSchemaV1> = (of: {
  input: StandardSchemaV1.InferOutput<Schema>
  owner: string
}) => string

type SpecialOptions =
  | 'backoff'
  | 'stream'
  | 'isolation'
  | 'memory'
  | 'env'
  | 'output'
  | 'run'
  | 'maxKept'
  | 'unique'
  | 'debounce'
  | 'concurrency'
  | 'rateLimit'
  | 'description'
  | 'mcp'

/** A job type, made by `job()` and passed to `createJobs`. */
export interface JobType<Schema extends StandardSchemaV1 = StandardSchemaV1, Output = unknown>
  extends Required<Omit<JobOptions<Schema, Output>, SpecialOptions>> {
  readonly backoff: Backoff
  /** Null: no live output. */
  readonly stream: StreamMode | null
  /** Null: `run` is the handler. Otherwise it is in a module. */
  readonly isolation: Isolation | null
  /** Null: no limit. */
  readonly unique: 'input' | JobKey<Schema> | null
  readonly debounce: Debounce | null
  /** Null: no limits. Without a key, they are those of the whole type. */
  readonly limits: (KeyLimits & { readonly key: JobKey<Schema> | null }) | null
  /** Undefined: no limit. */
  readonly maxKept: number | undefined
  readonly description: string | null
  /** Null: it is no tool. */
  readonly mcp: McpTool | null
  readonly output: StandardSchemaV1 | undefined
  /** What it returns has not passed the output schema yet. */
  run(context: JobContext<StandardSchemaV1.InferOutput<Schema>>): unknown
  /** Only for types: what the job's output is before it becomes JSON. */
  readonly returns?: Output
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds types of any input and output; `InputOf` and `OutputOf` give them back.
export type JobTypes = Record<string, JobType<any, any>>

const hour = 60 * 60_000
const ms = 'milliseconds'

/** Rejects a handler whose return value JSON would lose in part, such as a `Map`. */
type Serializable<Output> = [LostIn<Awaited<Output>>] extends [never]
  ? unknown
  : { run: { error: 'The handler returns what JSON cannot hold'; value: LostIn<Awaited<Output>> } }

/** Rejects an input that may be undefined, such as that of `z.void()` or `.optional()`: a stored input is JSON, which has no undefined. */
type AlwaysGiven<Input> = unknown extends Input
  ? unknown
  : undefined extends Input
    ? {
        input: {
          error: 'The input may be undefined, which JSON cannot hold: use null, or an object with optional members'
        }
      }
    : unknown

/** Rejects an output schema whose values JSON would lose in part. */
type SerializableSchema<Output> = [LostIn<Output>] extends [never]
  ? unknown
  : { output: { error: 'The output schema has what JSON cannot hold'; value: LostIn<Output> } }

/**
 * Defines a job type whose output has a schema.
 * @throws {UketsukeError} `invalid-configuration` if an option is missing or out of range
 */
export function job<Schema extends StandardSchemaV1, OutputSchema extends StandardSchemaV1>(
  options: JobOptions<Schema, StandardSchemaV1.InferInput<OutputSchema>> & {
    output: OutputSchema
  } & SerializableSchema<StandardSchemaV1.InferOutput<OutputSchema>> &
    AlwaysGiven<StandardSchemaV1.InferInput<Schema>>,
): JobType<Schema, StandardSchemaV1.InferOutput<OutputSchema>>
/**
 * Defines a job type whose output is what its handler returns.
 * @throws {UketsukeError} `invalid-configuration` if an option is missing or out of range
 */
export function job<Schema extends StandardSchemaV1, Output>(
  options: JobOptions<Schema, Output> & { output?: undefined } & Serializable<Output> &
    AlwaysGiven<StandardSchemaV1.InferInput<Schema>>,
): JobType<Schema, Output>
export function job<Schema extends StandardSchemaV1, Output>(
  options: JobOptions<Schema, Output>,
): JobType<Schema, Output> {
  assertConfiguration(
    typeof options.input?.['~standard']?.validate === 'function',
    'job(): input must be a Standard Schema, such as a zod schema',
  )
  assertConfiguration(
    options.output === undefined || typeof options.output?.['~standard']?.validate === 'function',
    'job(): output must be a Standard Schema, such as a zod schema',
  )
  const isolation = isolationOption(options)
  const { stream = null } = options
  assertConfiguration(stream === null || isStreamMode(stream), 'job(): stream must be text, json or binary')
  const { base, max } = options.backoff ?? {}
  const unique = uniqueOption(options.unique)
  const { concurrency, rateLimit, run, memory: _memory, env: _env, ...others } = options
  return {
    ...others,
    isolation,
    run: typeof run === 'function' ? run : elsewhere,
    limits: limitsOption({ concurrency, rateLimit }),
    output: options.output,
    description: options.description ?? null,
    mcp: mcpToolOption(options.mcp, options.description),
    stream,
    unique,
    debounce: debounceOption(options.debounce, unique !== null),
    maxAttempts: integerOption('job(): maxAttempts', options.maxAttempts, 3, { min: 1, max: 1_000_000 }),
    timeout: integerOption('job(): timeout', options.timeout, hour, { min: 1, max: 366 * day, of: ms }),
    // At least as long as idempotency keys are kept.
    retention: integerOption('job(): retention', options.retention, 30 * day, { min: day, max: century, of: ms }),
    maxKept:
      options.maxKept === undefined
        ? undefined
        : integerOption('job(): maxKept', options.maxKept, 0, { min: 0, max: 10_000_000 }),
    backoff: {
      base: integerOption('job(): backoff.base', base, defaultBackoff.base, { min: 0, max: 366 * day, of: ms }),
      max: integerOption('job(): backoff.max', max, defaultBackoff.max, { min: 0, max: 366 * day, of: ms }),
    },
  }
}

/** The handler of a module is run by `IsolatedRuns`. */
const elsewhere = (): never => {
  throw new UketsukeError('invalid-configuration', 'The handler is in a module of its own.')
}

function uniqueOption<Schema extends StandardSchemaV1>(
  unique: JobOptions<Schema, unknown>['unique'],
): JobType<Schema>['unique'] {
  if (unique === undefined || unique === false) return null
  if (unique === true) return 'input'
  const key: unknown = unique?.key
  assertConfiguration(typeof key === 'function', 'job(): unique must be true or { key: a function }')
  return unique.key
}

function debounceOption(debounce: Debounce | undefined, isUnique: boolean): Debounce | null {
  if (debounce === undefined) return null
  assertConfiguration(isUnique, 'job(): debounce needs unique')
  const range = { min: 1, max: 366 * day, of: ms }
  const wait = integerOption('job(): debounce.wait', debounce?.wait ?? null, 0, range)
  const max = integerOption('job(): debounce.max', debounce?.max ?? null, 0, range)
  assertConfiguration(max >= wait, 'job(): debounce.max must not be less than debounce.wait')
  return { wait, max }
}

function limitsOption<Schema extends StandardSchemaV1>({
  concurrency,
  rateLimit,
}: Pick<JobOptions<Schema, unknown>, 'concurrency' | 'rateLimit'>): JobType<Schema>['limits'] {
  if (concurrency === undefined && rateLimit === undefined) return null
  for (const [name, option] of Object.entries({ concurrency, rateLimit })) {
    if (option === undefined) continue
    assertConfiguration(typeof option === 'object' && option !== null, `job(): ${name} must be an object with a limit`)
    const key: unknown = option.key
    assertConfiguration(key === undefined || typeof key === 'function', `job(): ${name}.key must be a function`)
  }
  assertConfiguration(
    concurrency === undefined || rateLimit === undefined || concurrency.key === rateLimit.key,
    'job(): concurrency.key and rateLimit.key must be the same function, or both be left out',
  )
  const limit = (of: string, value: number, max: number) =>
    integerOption(`job(): ${of}`, value ?? null, 0, { min: 1, max })
  return {
    concurrency: concurrency === undefined ? null : limit('concurrency.limit', concurrency.limit, 100_000),
    rate:
      rateLimit === undefined
        ? null
        : {
            limit: limit('rateLimit.limit', rateLimit.limit, 1_000_000),
            per: integerOption('job(): rateLimit.per', rateLimit.per ?? null, 0, { min: 1, max: 366 * day, of: ms }),
          },
    key: concurrency?.key ?? rateLimit?.key ?? null,
  }
}

/** Gives what runs a handler that is in a module of its own. */
export type RunIsolated = (isolation: Isolation) => (context: JobContext<unknown>) => Promise<unknown>

/** Makes a user's job type runnable by a worker. */
export function runnable(type: JobTypes[string], random: () => number, isolated: RunIsolated): Runnable {
  const parsed = (checked: StandardSchemaV1.Result<unknown>): unknown => {
    if (!checked.issues) return checked.value
    throw new UketsukeError('invalid-input', textOf(checked.issues[0], 'message') || 'The schema gave no reason.')
  }
  const run = type.isolation === null ? (context: JobContext<unknown>) => type.run(context) : isolated(type.isolation)
  return {
    parse(text) {
      const checked = type.input['~standard'].validate(readable(text))
      return isThenable(checked) ? Promise.resolve(checked).then(parsed) : parsed(checked)
    },
    run: type.output === undefined ? run : checkingOutput(run, type.output),
    timeout: type.timeout,
    stream: type.stream,
    retryIn: (attempt) => exponential(type.backoff, attempt, random()),
  }
}

/** @throws `invalid-output` from the handler that it returns */
function checkingOutput(run: JobTypes[string]['run'], schema: StandardSchemaV1) {
  return async (context: JobContext<unknown>): Promise<unknown> => {
    const { issues, ...checked } = await schema['~standard'].validate(await run(context))
    if (!issues) return (checked as { value?: unknown }).value
    const [first] = issues
    const path = pointer(first).replace(/^(?=.)/, ' at ')
    throw new UketsukeError(
      'invalid-output',
      `The output${path} does not match its schema: ${textOf(first, 'message')}`,
    )
  }
}

function readable(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UketsukeError('corrupt', 'The stored input is not valid JSON.', { cause: error })
  }
}

/** The input that `enqueue` accepts for a job type. */
export type InputOf<T> = T extends JobType<infer Schema, infer _> ? StandardSchemaV1.InferInput<Schema> : never
/** The input as it is stored and shown, in its JSON form. */
export type StoredInputOf<T> = JsonOutput<InputOf<T>>
/** The `output` of a completed job of a job type, in its JSON form: a `Date` that the handler returned is a string. */
export type OutputOf<T> = T extends JobType<infer _, infer Output> ? JsonOutput<Awaited<Output>> : never

/** What a worker needs to run a job type: a user's type or the built-in webhook delivery. */
export interface Runnable {
  /**
   * Parses the stored text into the input of `run`, or a promise of it.
   * @throws {UketsukeError} `invalid-input`, `corrupt`
   */
  parse(input: string): unknown
  run(context: JobContext<unknown>, job: Job): unknown
  readonly timeout: number
  /** What its handler writes as live output; absent or null for nothing. */
  readonly stream?: StreamMode | null
  /** Milliseconds between a failed attempt and the next. */
  retryIn(attempt: number, thrown: unknown): number
}
