import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite, UnrecoverableError } from '../../packages/uketsuke/src/index.ts'
import { open as openDatabase } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

const input = z.object({})

describe('an outcome that the store rejects', () => {
  /** A trigger makes SQLite reject the write. */
  async function refusing(when: string) {
    const file = tempFile()
    let runs = 0
    const poison = job({
      input,
      maxAttempts: 3,
      backoff: { base: 1_000, max: 1_000 },
      run: ({ attempt, progress }) => {
        runs++
        progress(50, 'half')
        if (attempt === 2) throw new UnrecoverableError('poison')
        return 'poison'
      },
    })
    const fine = job({ input, run: () => 'fine' })
    const { jobs, clock } = open({ poison, fine }, { store: sqlite(file) })
    await jobs.ready()
    const other = await openDatabase(file)
    other.exec(`CREATE TRIGGER refuse BEFORE UPDATE ON jobs WHEN ${when} BEGIN SELECT RAISE(ABORT, 'refused'); END`)
    atEnd(() => other.close())
    return { jobs, clock, runs: () => runs }
  }

  it('fails only that job, immediately, with its own error code', async () => {
    const { jobs, clock, runs } = await refusing(`NEW.output LIKE '%poison%'`)
    const [bad, good] = await Promise.all([jobs.enqueue('poison', {}), jobs.enqueue('fine', {})])
    const worker = await jobs.work()
    await clock.advance(0)
    expect(await jobs.get(bad.jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'outcome-rejected', message: 'The outcome of the job could not be stored.', retryable: false },
    })
    expect(await jobs.get(good.jobId, { owner: allOwners })).toMatchObject({ status: 'completed' })
    const [attempt] = await jobs.attempts(bad.jobId, { owner: allOwners })
    expect(attempt?.error?.thrown).toContain('refused')
    await clock.advance(120_000)
    expect(runs()).toBe(1)
    const stopped = worker.stop()
    await clock.advance(0)
    await stopped
  })

  it('is handled the same if the failure or its reason is rejected, too', async () => {
    const { jobs, clock, runs } = await refusing(`NEW.output LIKE '%poison%' OR NEW.error LIKE '%refused%'`)
    const { jobId } = await jobs.enqueue('poison', {})
    await jobs.work()
    await clock.advance(120_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'outcome-rejected' },
    })
    expect(runs()).toBe(1)
  })

  it('does not retry forever if the store rejects every outcome', async () => {
    const { jobs, clock, runs } = await refusing(`NEW.completed_at IS NOT NULL`)
    const { jobId } = await jobs.enqueue('poison', {})
    const worker = await jobs.work()
    await clock.advance(10 * 60_000)
    expect(runs()).toBeLessThanOrEqual(3)
    const { jobId: next } = await jobs.enqueue('fine', {})
    await clock.advance(1_000)
    expect(await jobs.get(next, { owner: allOwners })).toMatchObject({ attempt: 1 })
    expect(await jobs.get(jobId, { owner: allOwners })).toBeTruthy()
    const stopped = worker.stop()
    await clock.advance(25_000)
    await stopped
  })
})

describe('an output that JSON would change', () => {
  class Money {
    readonly #cents = 5
    get cents() {
      return this.#cents
    }
  }
  it.each<[string, unknown, string]>([
    ['a Map', new Map([[1, 2]]), 'The output is a Map'],
    ['a nested Map', { rows: [{ a: 1 }, { by: new Map() }] }, 'The output at /rows/1/by is a Map'],
    ['a Set', [[new Set([1])]], 'The output at /0/0 is a Set'],
    ['a subclass of Map', { m: new (class Cache extends Map {})() }, 'The output at /m is a Map'],
    ['a WeakMap', { a: new WeakMap() }, 'The output at /a is an instance of WeakMap'],
    ['a BigInt', { total: 10n }, 'The output at /total is a BigInt'],
    ['a typed array', { a: new Float64Array([1, 2]) }, 'The output at /a is binary data'],
    ['a Buffer', { 'x/y': Buffer.from('a') }, 'The output at /x~1y is binary data'],
    ['an ArrayBuffer', { a: new ArrayBuffer(2) }, 'The output at /a is binary data'],
    ['an Error', { error: new Error('secret') }, 'The output at /error is an Error'],
    ['an Error with members', { e: Object.assign(new Error('x'), { code: 1 }) }, 'The output at /e is an Error'],
    ['a RegExp', [/a/], 'The output at /0 is an instance of RegExp'],
    ['a promise that was not awaited', { a: 1, b: Promise.resolve(1) }, 'The output at /b is a Promise'],
    ['private state', { price: new Money() }, 'The output at /price is an instance of Money'],
    ['Headers', { h: new Headers({ a: 'b' }) }, 'The output at /h is an instance of Headers'],
    ['NaN', { mean: 0 / 0 }, 'The output at /mean is the number NaN'],
    ['Infinity', [1, -1 / 0], 'The output at /1 is the number -Infinity'],
    ['an invalid date', { at: new Date('no') }, 'The output at /at is an invalid Date'],
    ['undefined in an array', { a: [1, undefined] }, 'The output at /a/1 is undefined'],
    ['a hole', Object.assign(new Array(2), { 0: 1 }), 'The output at /1 is undefined'],
    ['a function in an array', [() => 1], 'The output at /0 is a function'],
    ['a symbol in an array', [Symbol('s')], 'The output at /0 is a symbol'],
  ])('fails the job and reports the path: %s', async (_, output, sentence) => {
    const { jobs, clock } = open({ odd: job({ input, run: () => output }) }, { store: sqlite(':memory:') })
    await jobs.work()
    const { jobId } = await jobs.enqueue('odd', {})
    await clock.advance(0)
    const ended = await jobs.get(jobId, { owner: allOwners })
    expect(ended).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-output' } })
    expect(ended?.error?.message).toContain(sentence)
    expect(ended?.error?.message).toContain('JSON cannot')
    expect(JSON.stringify(ended)).not.toContain('secret')
  })

  const shared = { n: 1 }
  class Report {
    rows = [1]
    total = 2
    draw() {}
  }
  it.each<[string, unknown, unknown]>([
    [
      'dates',
      { at: new Date(0), more: [new Date(1)] },
      { at: '1970-01-01T00:00:00.000Z', more: ['1970-01-01T00:00:00.001Z'] },
    ],
    ['undefined and functions of objects', { a: undefined, b: () => 1, c: 1 }, { c: 1 }],
    [
      'toJSON',
      { url: new URL('https://example.com/'), own: { toJSON: () => [1] } },
      { url: 'https://example.com/', own: [1] },
    ],
    ['instances with members', new Report(), { rows: [1], total: 2 }],
    ['the same object twice', { a: shared, b: [shared, shared] }, { a: { n: 1 }, b: [{ n: 1 }, { n: 1 }] }],
    ['no prototype', Object.assign(Object.create(null), { a: {} }), { a: {} }],
    ['boxed values', [Object(1), Object('a'), Object(false)], [1, 'a', false]],
    ['a member called type', { type: 'Buffer', data: [1] }, { type: 'Buffer', data: [1] }],
    ['empty things', [{}, [], '', null, 0], [{}, [], '', null, 0]],
  ])('does not include values that JSON preserves: %s', async (_, output, kept) => {
    const { jobs, clock } = open({ fine: job({ input, run: () => output }) }, { store: sqlite(':memory:') })
    await jobs.work()
    const { jobId } = await jobs.enqueue('fine', {})
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed', output: kept })
  })
})

describe('the last progress of a handler', () => {
  it.each([
    ['completed', () => 1, { status: 'completed', progress: 100 }],
    ['failed', () => Promise.reject(new UnrecoverableError('no')), { status: 'failed', progress: 90 }],
    ['to be tried again', () => Promise.reject(new Error('no')), { status: 'pending', progress: 90 }],
  ])('is stored with the outcome: %s', async (_, end, expected) => {
    const talking = job({
      input,
      run: ({ progress }) => {
        progress(10, 'begins')
        progress(20, 'goes on')
        progress(90, 'the last words')
        return end()
      },
    })
    const { jobs, clock } = open({ talking })
    const { jobId } = await jobs.enqueue('talking', {})
    await jobs.work()
    await clock.advance(0)
    const ended = await jobs.get(jobId, { owner: allOwners })
    expect(ended).toMatchObject({ ...expected, progressMessage: 'the last words' })
    // Versions: accepted, claimed, first progress, outcome with the last progress.
    expect(ended?.version).toBe(4)
  })

  it('is stored when the attempt times out or is cancelled', async () => {
    const slow = job({
      input,
      maxAttempts: 1,
      timeout: 1_000,
      run: async ({ progress, signal }) => {
        progress(1, 'begins')
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        progress(50, 'tidied up')
        throw new Error('stopped')
      },
    })
    const { jobs, clock } = open({ slow })
    await jobs.work()
    const { jobId } = await jobs.enqueue('slow', {})
    await clock.advance(500)
    await jobs.cancel(jobId, { owner: allOwners })
    await clock.advance(500)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'cancelled',
      progressMessage: 'tidied up',
    })
  })
})

describe('fractional progress', () => {
  it('logs one warning per job type', async () => {
    const lines: string[] = []
    const note = (_: object, message: string) => void lines.push(message)
    const log = { ...silentLog, warn: note, child: () => log }
    const fractions = [0, 0.25, 0.5, 1]
    const says = (steps: number[]) =>
      job({ input, run: ({ progress }) => steps.forEach((step) => void progress(step, `${step}`)) })
    const types = { fractions: says(fractions), percent: says([0, 1, 50.5]), more: says([0.1]) }
    const { jobs, clock } = open(types, { log })
    await jobs.work()
    for (const name of ['fractions', 'fractions', 'percent', 'more'] as const) await jobs.enqueue(name, {})
    await clock.advance(1_000)
    const warnings = lines.filter((line) => line.includes('from 0 to 100'))
    expect(warnings).toHaveLength(2)
  })
})

describe('work() after close()', () => {
  it('rejects, also a call that was waiting for the store', async () => {
    const jobs = createJobs({ jobs: {}, store: sqlite(tempFile()), log: silentLog })
    const early = jobs.work().then(
      () => 'working',
      (error) => error.code,
    )
    await jobs.close()
    expect(await early).toBe('closed')
    await expect(jobs.work()).rejects.toMatchObject({ code: 'closed', message: expect.stringContaining('close()') })
  })

  it('leaves no worker running that started during close()', async () => {
    const began = gate()
    const { jobs, clock } = open({ fine: job({ input, run: () => began.open() }) })
    await jobs.work()
    await jobs.enqueue('fine', {})
    await clock.advance(0)
    await began.passed
    const closed = jobs.close()
    await expect(jobs.work()).rejects.toMatchObject({ code: 'closed' })
    await clock.advance(0)
    await closed
  })
})
