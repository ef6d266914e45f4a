/**
 * Compiled by `tsc`, never run: types flow from a job type's schema and from what its handler returns to `enqueue`, `get` and `watch`,
 * whichever schema library made the schema.
 */
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { type ExpressRequest, expressAccept, expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import {
  allOwners,
  createJobs,
  type JobEvent,
  type JobOf,
  job,
  sqlite,
  type WebhookEvent,
} from '../../packages/uketsuke/src/index.ts'

const jobs = createJobs({
  store: sqlite(':memory:'),
  jobs: {
    report: job({
      input: z.object({ day: z.iso.date(), pages: z.string().transform(Number) }),
      run: async ({ input, progress, signal, attempt, jobId, log }) => {
        same<typeof input, { day: string; pages: number }>(true)
        same<[typeof signal, typeof attempt, typeof jobId], [AbortSignal, number, string]>(true)
        progress(50, 'Half way')
        log.info({ attempt }, jobId)
        return { url: input.day, pages: input.pages }
      },
    }),
    mail: job({ input: v.object({ to: v.string() }), run: ({ input }) => [input.to] }),
    clean: job({ input: type({ 'days?': 'number' }), run: ({ input }) => void input.days }),
  },
})

/** Compiles where both are one type. */
function same<A, B>(_: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false): void {}

export async function enqueue() {
  const report = await jobs.enqueue('report', { day: '2014-01-01', pages: '7' }, { priority: 'high', delay: 1_000 })
  same<typeof report.type, 'report'>(true)
  same<typeof report.output, { url: string; pages: number } | undefined>(true)
  same<typeof report.input, { day: string; pages: string } | undefined>(true)
  await jobs.enqueue('mail', { to: 'ann' })
  await jobs.enqueue('clean', {})

  // @ts-expect-error There is no such type.
  await jobs.enqueue('repot', {})
  // @ts-expect-error A member is missing.
  await jobs.enqueue('report', { day: '2014-01-01' })
  // @ts-expect-error The schema takes text, and makes it a number.
  await jobs.enqueue('report', { day: '2014-01-01', pages: 7 })
  // @ts-expect-error valibot's schema wants text.
  await jobs.enqueue('mail', { to: 1 })
  // @ts-expect-error arktype's schema wants a number.
  await jobs.enqueue('clean', { days: '7' })
  // @ts-expect-error An owner that may be missing is none.
  await jobs.get('id', { owner: undefined as string | undefined })
  // @ts-expect-error The owner is missing.
  await jobs.list({ limit: 5 })
  // @ts-expect-error There is no such priority.
  await jobs.enqueue('mail', { to: 'ann' }, { priority: 'urgent' })
}

export async function get(id: string) {
  const found = await jobs.get(id, { owner: allOwners })
  if (found === null) return
  same<typeof found.type, 'report' | 'mail' | 'clean'>(true)
  // `type` discriminates the job, and so its output.
  if (found.type === 'report') same<typeof found.output, { url: string; pages: number } | undefined>(true)
  if (found.type === 'mail') same<typeof found.output, string[] | undefined>(true)
  // @ts-expect-error A mail's output has no pages.
  if (found.type === 'mail') found.output?.pages

  const known = await jobs.get('mail', id, { owner: allOwners })
  same<NonNullable<typeof known>['output'], string[] | undefined>(true)
  for await (const state of jobs.watch('report', id, { owner: allOwners }))
    same<typeof state.output, { url: string; pages: number } | undefined>(true)
  for (const item of (await jobs.list({ owner: allOwners, status: ['failed', 'cancelled'] })).items) {
    // A list carries no outputs.
    if (item.type === 'report') same<typeof item.output, undefined>(true)
    if (item.status === 'completed') same<typeof item.outputOmitted, true>(true)
  }
  // @ts-expect-error There is no such type.
  await jobs.list({ owner: allOwners, type: 'repot' })
  // @ts-expect-error A type that is claimed but not checked: pass it as the first argument.
  await jobs.get<'mail'>(id, { owner: allOwners })
  // @ts-expect-error There is no such type.
  await jobs.get('repot', id, { owner: allOwners })
  same<Awaited<ReturnType<typeof cancelled>>['type'], 'mail'>(true)
}

const cancelled = (id: string) => jobs.cancel('mail', id, { owner: 'ann' })

export async function statuses(id: string) {
  const state = await jobs.get('report', id, { owner: allOwners })
  switch (state?.status) {
    case 'completed':
      same<typeof state.output, { url: string; pages: number }>(true)
      same<[typeof state.completedAt, typeof state.startedAt], [string, string]>(true)
      break
    case 'failed':
    case 'cancelled':
      same<typeof state.error.code, string>(true)
      break
    case 'pending':
    case 'running':
      same<typeof state.completedAt, null>(true)
      same<typeof state.output, undefined>(true)
      break
    default:
      same<typeof state, null>(true)
  }
}

const jsonForms = {
  dates: job({
    input: z.object({ at: z.date() }),
    run: () => ({ at: new Date(), all: [new Date()], maybe: undefined as Date | undefined }),
  }),
  nothing: job({ input: z.object({}), run: () => {} }),
  members: job({
    input: z.object({}),
    run: () => ({ kept: 1, left: () => 1, deep: { url: new URL('https://example.com') } }),
  }),
  either: job({ input: z.object({}), run: async () => (Math.random() > 0.5 ? { a: 1 } : null) }),
  unknown: job({ input: z.object({}), run: (): unknown => 1 }),
}
const forms = createJobs({ store: sqlite(':memory:'), jobs: jsonForms })
type OutputIn<N extends keyof typeof jsonForms> = Extract<
  Awaited<ReturnType<typeof forms.enqueue<N>>>,
  { status: 'completed' }
>['output']

same<OutputIn<'dates'>, { at: string; all: string[]; maybe?: string }>(true)
same<OutputIn<'nothing'>, null>(true)
same<OutputIn<'members'>, { kept: number; deep: { url: string } }>(true)
same<OutputIn<'either'>, { a: number } | null>(true)
same<OutputIn<'unknown'>, unknown>(true)

// @ts-expect-error JSON would lose a Map.
job({ input: z.object({}), run: () => ({ found: new Map([['a', 1]]) }) })
// @ts-expect-error JSON would lose a Set in an array.
job({ input: z.object({}), run: async () => [new Set([1])] })
// @ts-expect-error JSON would lose bytes.
job({ input: z.object({}), run: () => Buffer.from('a') })
// @ts-expect-error JSON cannot hold a BigInt.
job({ input: z.object({}), run: () => ({ n: 1n }) })

// @ts-expect-error A type needs a schema.
job({ run: () => 1 })
// @ts-expect-error A type needs a handler.
job({ input: z.string() })
// @ts-expect-error createJobs needs a store.
void createJobs({ jobs: {} })
// @ts-expect-error authenticate must return an owner.
void createJobs({ jobs: {}, store: sqlite(':memory:'), authenticate: () => ({ user: 'ann' }) })

const checked = job({
  input: z.object({}),
  output: z.object({ at: z.date(), pages: z.string().transform(Number) }),
  run: () => ({ at: new Date(), pages: '7' }),
})
const types = { checked }
const withSchemas = createJobs({ store: sqlite(':memory:'), jobs: types })
export async function outputs(id: string) {
  const found = await withSchemas.get('checked', id, { owner: allOwners })
  if (found?.status === 'completed') same<typeof found.output, { at: string; pages: number }>(true)
}
// @ts-expect-error The handler returns what the schema does not take.
job({ input: z.object({}), output: z.object({ pages: z.number() }), run: () => ({ pages: '7' }) })
// @ts-expect-error JSON would lose a Map.
job({ input: z.object({}), output: z.object({ all: z.map(z.string(), z.number()) }), run: () => ({ all: new Map() }) })

/** A handler that returns something from `enqueue` does not refer to itself. */
export const chained = createJobs({
  store: sqlite(':memory:'),
  jobs: { first: job({ input: z.object({}), run: async ({ enqueue }) => (await enqueue('second', {})).jobId }) },
})

expressAccept(jobs, () => ({ type: 'mail', input: {} }))
// @ts-expect-error There is no such type.
expressAccept(jobs, () => ({ type: 'repot', input: {} }))
expressJobs(jobs, { identify: (req: ExpressRequest & { user?: { id: string } }) => req.user && { owner: req.user.id } })
// @ts-expect-error identify must return an owner.
expressJobs(jobs, { identify: (req: ExpressRequest & { user?: { id: string } }) => req.user })

// @ts-expect-error An input is never undefined.
job({ input: z.void(), run: () => 1 })
// @ts-expect-error An input is never undefined.
job({ input: z.object({}).optional(), run: () => 1 })
// @ts-expect-error An input is never undefined.
job({ input: z.string().default('a'), output: z.number(), run: () => 1 })
// @ts-expect-error An input is never undefined.
job({ input: v.optional(v.string()), run: () => 1 })
job({ input: z.unknown(), run: () => 1 })
job({ input: z.any(), run: () => 1 })
job({ input: z.null(), run: () => 1 })
job({ input: z.object({ a: z.string().default('a') }), run: ({ input }) => input.a })
export const generic = <Schema extends z.ZodObject>(input: Schema) =>
  job({ input: z.object({ it: input }), run: () => 1 })

export function handle(event: WebhookEvent, change: JobEvent<JobOf<typeof types>>) {
  if (event.type === 'job.failed') same<typeof event.data.error.code, string>(true)
  if (event.type === 'job.completed') same<typeof event.data.status, 'completed'>(true)
  if (change.type === 'job.completed') same<typeof change.data.output, { at: string; pages: number }>(true)
  if (change.type === 'job.snapshot') same<typeof change.data.completedAt, null>(true)
}

// A question types its answer, and an answer may have optional members.
job({
  input: z.object({}),
  async run({ ask }) {
    const { action, content } = await ask('n', {
      message: 'n?',
      schema: z.object({ n: z.number(), m: z.string().optional() }),
    })
    same<typeof action, 'accept' | 'decline' | 'cancel'>(true)
    if (action !== 'accept') return same<typeof content, null>(true)
    same<typeof content, { n: number; m?: string | undefined }>(true)
    const plain = await ask('sure', { message: 'Sure?', within: 1_000 })
    same<typeof plain.content, object | null>(true)
    // @ts-expect-error a question needs a message
    await ask('none', {})
    return content
  },
})
