import assert from 'node:assert/strict'
import { performance, setTimeout } from '../base/timers.ts'
import type { Dispatch, Receiver } from '../dispatch/port.ts'
import type { Job, Priority, Queue } from '../domain/job.ts'
import { create } from '../domain/rules.ts'
import type { Store } from '../store/port.ts'

/** One of two processes: its handle on the shared store, and its dispatcher. */
export interface DispatchSide {
  store: Store
  dispatch: Dispatch
}

/** The argument of `dispatchSuite`. */
export interface DispatchSuite {
  /** Declares one test, such as `test` of node:test or vitest. */
  test(name: string, fn: () => Promise<void>): void
  /** Creates two processes on one new, empty, open store. The suite does not close them. */
  open(): Promise<[DispatchSide, DispatchSide]>
  /** The maximum delay of a hint in milliseconds; 5,000 by default. */
  within?: number
}

/** A worker's fetcher, reduced to what a dispatcher sees: it claims only when it receives a hint. */
class Probe {
  readonly claimed: Job[] = []
  hints = 0
  readonly #store: Store
  readonly #queue: Queue
  readonly #receiver: Receiver
  #room: number
  #hinted = 0
  #look = true
  #claiming: Promise<void> | null = null

  constructor({ store, dispatch }: DispatchSide, { room = 10, queue = 'jobs' as Queue, types = ['report'] } = {}) {
    this.#store = store
    this.#queue = queue
    this.#room = room
    this.#receiver = dispatch.receive({
      queue,
      types,
      hint: (jobs) => {
        this.hints++
        if (jobs === undefined) this.#look = true
        else this.#hinted += jobs
        this.#claiming ??= this.#claim(types)
      },
    })
    this.#claiming ??= this.#claim(types)
  }

  /** Simulates jobs that have finished and freed capacity. */
  more(room: number, types = ['report']): void {
    this.#room += room
    this.#look = true
    this.#claiming ??= this.#claim(types)
  }

  async #claim(types: readonly string[]): Promise<void> {
    // Do not claim synchronously in the constructor or in a hint.
    await Promise.resolve()
    while (this.#look || this.#hinted > 0) {
      const seen = this.#hinted
      const limit = Math.min(this.#room, this.#look ? this.#room : seen)
      this.#hinted = 0
      this.#look = false
      const query = { queue: this.#queue, types, worker: 'probe', leaseMs: 60_000 }
      const jobs = limit === 0 ? [] : await this.#store.claim({ ...query, limit })
      this.claimed.push(...jobs)
      this.#room -= jobs.length
      this.#receiver.claimed({ hints: seen, found: jobs.length, room: this.#room })
    }
    this.#claiming = null
  }

  async close(): Promise<void> {
    await this.#receiver.close()
    await this.#claiming
  }
}

interface Given {
  id: string
  queue?: Queue
  priority?: Priority
  type?: string
}

async function enqueue({ store, dispatch }: DispatchSide, given: readonly Given[]): Promise<void> {
  const fixed = { type: 'report', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 60_000 }
  const jobs = given.map((one) => create({ ...fixed, ...one }, Date.now()))
  await store.insert(jobs.map((job) => ({ job })))
  dispatch.announce(jobs)
}

/**
 * The conformance suite for dispatchers. It tests hints in real time: a late hint fails the test, a superfluous one
 * does not.
 */
export function dispatchSuite({ test, open, within = 5_000 }: DispatchSuite): void {
  async function until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + within
    while (!condition()) {
      assert.ok(performance.now() < deadline, `timed out after ${within} ms: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const check = (name: string, body: (here: DispatchSide, there: DispatchSide) => Promise<void>) =>
    test(`dispatch: ${name}`, async () => body(...(await open())))
  const many = (count: number, given: Omit<Given, 'id'> = {}) =>
    Array.from({ length: count }, (_, i) => ({ id: `job-${i}`, ...given }))

  check('a job wakes a worker of the same process', async (here) => {
    const probe = new Probe(here)
    await enqueue(here, [{ id: 'a' }])
    await until(() => probe.claimed.length === 1, 'it is claimed')
    await probe.close()
  })

  check('a job wakes a worker of another process', async (here, there) => {
    const probe = new Probe(there)
    await enqueue(here, [{ id: 'a' }])
    await until(() => probe.claimed.length === 1, 'it is claimed')
    await enqueue(here, [{ id: 'b', priority: 'high' }])
    await until(() => probe.claimed.length === 2, 'the next one too')
    await probe.close()
  })

  check('each queue wakes its own workers', async (here, there) => {
    const [jobs, deliveries] = [new Probe(there), new Probe(there, { queue: 'deliveries' })]
    await enqueue(here, [{ id: 'a', queue: 'deliveries' }, { id: 'b' }])
    await until(() => jobs.claimed.length + deliveries.claimed.length === 2, 'both are claimed')
    assert.deepEqual([jobs.claimed[0]?.id, deliveries.claimed[0]?.id], ['b', 'a'])
    await Promise.all([jobs.close(), deliveries.close()])
  })

  check('many jobs, announced one by one and together, are each claimed once', async (here, there) => {
    const probes = [new Probe(here, { room: 1_000 }), new Probe(there, { room: 1_000 })]
    for (let n = 0; n < 50; n++) await enqueue(here, [{ id: `one-${n}`, priority: n % 2 === 0 ? 'high' : 'normal' }])
    await enqueue(there, many(200))
    const claimed = () => probes.flatMap((probe) => probe.claimed.map(({ id }) => id))
    await until(() => claimed().length >= 250, 'all are claimed')
    assert.equal(new Set(claimed()).size, 250)
    await Promise.all(probes.map((probe) => probe.close()))
  })

  check('jobs that exceed the capacity of one worker go to another', async (here, there) => {
    const [full, free] = [new Probe(here, { room: 2 }), new Probe(there, { room: 100 })]
    await enqueue(here, many(20))
    await until(() => full.claimed.length + free.claimed.length === 20, 'all are claimed')
    await enqueue(there, [{ id: 'last' }])
    await until(() => full.claimed.length + free.claimed.length === 21, 'one more is')
    await Promise.all([full.close(), free.close()])
  })

  check('a worker with free capacity again is woken by the next job', async (here, there) => {
    const probe = new Probe(there, { room: 1 })
    await enqueue(here, many(3))
    await until(() => probe.claimed.length === 1, 'there was room for one')
    probe.more(2)
    await until(() => probe.claimed.length === 3, 'and then for two more')
    probe.more(1)
    await enqueue(here, [{ id: 'last' }])
    await until(() => probe.claimed.length === 4, 'and for the last')
    await probe.close()
  })

  check('a job wakes a worker that handles its type, not another one', async (here, there) => {
    const [other, knows] = [new Probe(here, { types: ['mail'] }), new Probe(there)]
    for (let n = 0; n < 10; n++) await enqueue(here, [{ id: `job-${n}` }])
    await until(() => knows.claimed.length === 10, 'all are claimed')
    assert.equal(other.claimed.length, 0)
    await Promise.all([other.close(), knows.close()])
  })

  check('a stopped worker gets no hints; other workers get them', async (here, there) => {
    const [gone, stays] = [new Probe(here), new Probe(there, { room: 100 })]
    await gone.close()
    const { hints } = gone
    await enqueue(here, many(10))
    await until(() => stays.claimed.length === 10, 'the other claims all')
    assert.equal(gone.hints, hints)
    await stays.close()
  })

  check('announcing without receivers or without jobs has no effect', async (here, there) => {
    here.dispatch.announce([])
    await enqueue(here, many(5))
    const probe = new Probe(there)
    await until(() => probe.claimed.length === 5, 'a worker that starts later claims without a hint')
    await probe.close()
  })
}
