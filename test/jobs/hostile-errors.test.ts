import { once } from 'node:events'
import { types } from 'node:util'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, type Jobs, job, type Log, sqlite } from '../../packages/uketsuke/src/index.ts'
import type { ManualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { serve } from '../http/server.ts'
import { open as onFile } from './setup.ts'

const open: typeof onFile = (types, options) => onFile(types, { store: sqlite(':memory:'), ...options })

const bomb = (): never => {
  throw new Error('a getter')
}
const thenable = (then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) =>
  Object.defineProperty({}, 'then', { value: then })
const trapped = (of: object) => new Proxy(of, { get: bomb, has: bomb, getPrototypeOf: bomb, ownKeys: bomb })
const revoked = (of: object = {}) => {
  const { proxy, revoke } = Proxy.revocable(of, {})
  revoke()
  return proxy
}
const withGetters = (...names: string[]) => {
  const error = new Error('fine')
  for (const name of names) Object.defineProperty(error, name, { get: bomb })
  return error
}
const circular = new Error('circular', { cause: {} })
circular.cause = circular

/** Hostile values that user code may throw, return or use as an abort reason. */
const things: [string, () => unknown][] = [
  ['an error with throwing getters', () => withGetters('stack', 'message', 'name', 'code', 'cause', 'errors')],
  [
    'an error whose message is not a string',
    () => Object.assign(new Error(), { message: Symbol('m'), name: {}, code: [] }),
  ],
  ['an error that is its own cause', () => circular],
  ['a revoked proxy', () => revoked()],
  ['a revoked error', () => revoked(new Error('gone'))],
  ['a proxy whose traps throw', () => trapped(new Error('trap'))],
  ['an object without a prototype', () => Object.create(null)],
  ['a function', () => () => {}],
  ['a revoked function', () => revoked(() => {})],
  ['a class', () => class Thrown {}],
  ['a symbol', () => Symbol('s')],
  ['a rejected promise', () => Promise.reject(new Error('unheard'))],
  ['a thenable that throws', () => thenable(bomb)],
  ['a throwing `then` getter', () => Object.defineProperty({}, 'then', { get: bomb })],
  ['throwing toString and toJSON', () => ({ toString: bomb, toJSON: bomb, [Symbol.toPrimitive]: bomb })],
  ['a BigInt', () => 1n],
  ['a frozen error', () => Object.freeze(new Error('frozen'))],
]

const loggers: [string, unknown][] = [
  ['a logger without child, as console,', { info() {}, warn() {}, error() {} }],
  ['a logger that throws', { info: bomb, warn: bomb, error: bomb, child: bomb }],
  ['a logger whose child is undefined', { info() {}, warn() {}, error() {}, child: () => undefined }],
  ['a logger whose child is not a logger', { info() {}, warn() {}, error() {}, child: () => ({ info: 1 }) }],
  ['a logger that rejects', { info: rejects, warn: rejects, error: rejects, child: () => ({ info: rejects }) }],
  ['a logger that reads all properties', { info: reads, warn: reads, error: reads, child: () => undefined }],
  ['a logger without methods', {}],
  ['a revoked logger', revoked()],
]
async function rejects(): Promise<never> {
  throw new Error('the log is full')
}
function reads(fields: { err?: { message: unknown; stack: unknown } }) {
  for (const value of Object.values(fields)) String(value?.stack)
}

/** Checks that the worker continues, no job is left running, and a stop completes immediately. */
async function expectAlive({ jobs, clock }: { jobs: Jobs; clock: ManualClock }, id: string) {
  const heard: unknown[] = []
  const hear = (error: unknown) => void heard.push(error)
  process.on('unhandledRejection', hear)
  const worker = await jobs.work()
  await clock.advance(1_001)
  expect(await jobs.get(id, { owner: allOwners })).toMatchObject({ completedAt: expect.any(String) })
  const { jobId } = await jobs.enqueue('fine' as never, {} as never)
  await clock.advance(0)
  expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed' })
  const stopped = worker.stop()
  await clock.advance(0)
  await stopped
  process.off('unhandledRejection', hear)
  return { job: await jobs.get(id, { owner: allOwners }), heard }
}
const input = z.object({})
const fine = job({ input, run: () => 'fine' })

describe.each(things)('%s', (_, make) => {
  const rejections = () => {
    // Nothing handles this promise of the handler.
    const thing = make()
    if (types.isPromise(thing)) thing.catch(() => {})
    return thing
  }

  it.each([
    [
      'thrown',
      () => {
        throw rejections()
      },
    ],
    ['thrown later', () => Promise.reject(rejections())],
    ['thrown by a thenable', () => thenable((_, reject) => reject(rejections()))],
  ])('fails the attempt if it is %s', async (_, run) => {
    const opened = open({ fine, odd: job({ input, maxAttempts: 2, run: run as () => unknown }) })
    const { jobId } = await opened.jobs.enqueue('odd', {})
    const { job: ended, heard } = await expectAlive(opened, jobId)
    expect(ended).toMatchObject({ status: 'failed', attempt: 2, error: { code: 'handler-error' } })
    expect(heard).toEqual([])
  })

  it('ends the job if it is the return value or part of it', async () => {
    for (const output of [rejections(), { rows: [rejections()] }]) {
      const opened = open({ fine, odd: job({ input, maxAttempts: 1, run: () => output as unknown }) })
      const { jobId } = await opened.jobs.enqueue('odd', {})
      const { heard } = await expectAlive(opened, jobId)
      expect(heard).toEqual([])
    }
  })

  it('fails the attempt if it is reported as progress', async () => {
    const run = ({ progress }: { progress(percent: never, message?: never): void }) => {
      progress(1 as never, rejections() as never)
      progress(rejections() as never)
    }
    const opened = open({ fine, odd: job({ input, run }) })
    const { jobId } = await opened.jobs.enqueue('odd', {})
    const { job: ended } = await expectAlive(opened, jobId)
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'invalid-progress' } })
  })

  it('responds with 500 if authenticate throws it, and with 4xx or 500 if authenticate returns it', async () => {
    let thing: () => unknown = () => null
    const serving = await serve({ authenticate: () => thing() as never })
    try {
      thing = () => {
        throw rejections()
      }
      expect((await serving.call('')).status).toBe(500)
      thing = () => ({ owner: rejections() })
      expect((await serving.call('')).status).toBe(500)
      thing = () => ({ owner: 'alice', scopes: rejections() })
      expect([403, 500]).toContain((await serving.call('')).status)
      thing = () => ({ owner: 'alice' })
      expect((await serving.call('')).status).toBe(200)
    } finally {
      await serving.close()
    }
  })
})

describe.each(loggers)('%s as the logger', (_, log) => {
  it('does not stop a worker, leave a job running, or delay a shutdown', async () => {
    const odd = job({
      input,
      maxAttempts: 2,
      run: ({ log }) => {
        log.info({ err: withGetters('stack', 'message') }, 'said')
        log.child({ more: 1 }).warn({}, 'said')
        throw withGetters('stack', 'message')
      },
    })
    const opened = open({ fine, odd }, { log: log as Log })
    const { jobId } = await opened.jobs.enqueue('odd', {})
    const { job: ended, heard } = await expectAlive(opened, jobId)
    expect(ended).toMatchObject({ status: 'failed', attempt: 2 })
    expect(heard).toEqual([])
  })
})

it('adds the fields of a child to each line of a logger without `child`', async () => {
  const lines: [object, string][] = []
  const note = (fields: object, message: string) => void lines.push([fields, message])
  const log = { info: note, warn: note, error: note } as unknown as Log
  const said = job({ input, run: ({ log }) => log.child({ page: 3 }).info({ ms: 5 }, 'drawn') })
  const { jobs, clock } = open({ said }, { log })
  await jobs.work()
  const { jobId } = await jobs.enqueue('said', {})
  await clock.advance(0)
  expect(lines).toContainEqual([
    { jobId, type: 'said', attempt: 1, worker: expect.any(String), page: 3, ms: 5 },
    'drawn',
  ])
})

it('emits one process warning when the logger fails', async () => {
  const warned = once(process, 'warning')
  const throwing = { info: bomb, warn: bomb, error: bomb, child: bomb }
  const { jobs } = open({ fine }, { log: throwing })
  await jobs.work()
  const [warning] = await warned
  expect(String(warning)).toContain('The logger passed to createJobs() failed')
})

it('responds with 422 to any issues of a schema', async () => {
  const issues = [
    { message: 'Plain.', path: ['a', { key: 'b' }, 0, Symbol('s'), null, revoked(), { key: Object.create(null) }] },
    { message: Symbol('m') },
    Object.defineProperty({}, 'message', { get: bomb }),
    revoked(),
    null,
    { message: 'No path.', path: 7 },
  ]
  const validate = () => ({ issues })
  const odd = job({
    input: { '~standard': { version: 1, vendor: 'tests', validate } } as unknown as typeof input,
    run: () => 1,
  })
  const { jobs } = open({ odd })
  const error = await jobs.enqueue('odd', {}).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'validation-error' })
  expect((error as { errors: object[] }).errors).toHaveLength(issues.length)
  expect((error as { errors: object[] }).errors[0]).toEqual({
    pointer: expect.stringMatching(/^\/input\/a\/b\/0\/Symbol\(s\)\//),
    detail: 'Plain.',
  })
})
