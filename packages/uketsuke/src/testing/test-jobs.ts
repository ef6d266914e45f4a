import { createJobsWith } from '../api/create-jobs.ts'
import type { JobOf, Jobs } from '../api/jobs.ts'
import type { JobsOptions } from '../api/options.ts'
import { silentLog } from '../base/log.ts'
import { pause, performance } from '../base/timers.ts'
import type { InputOf, JobTypes, OutputOf } from '../definition/define.ts'
import { deliveryType } from '../domain/change.ts'
import { isTerminal, type Job, type JobStatus } from '../domain/job.ts'
import { view } from '../domain/view.ts'
import { memoryFiles } from '../files/memory.ts'
import { allOwners } from '../store/port.ts'
import type { WorkerHandle } from '../work/workers.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { type Duration, milliseconds } from './duration.ts'
import { type RunJobOptions, runAlone } from './run-job.ts'
import { type Connection, sharedStore } from './shared-store.ts'
import { type CapturedWebhook, WebhookReceiver } from './webhooks.ts'

export interface TestJobsOptions<Types extends JobTypes>
  extends Omit<JobsOptions<Types>, 'store' | 'dispatch' | 'clock'> {
  /** The time at the start. Default: the start of 2026 in UTC. */
  now?: Date
  /** How many jobs run at the same time. Default: 10. */
  concurrency?: number
  /** How long a handler may take in real time, in milliseconds, before it counts as stuck. Default: 5,000. */
  patience?: number
}

/** What `drain` did and what it left. */
export interface Drained<Types extends JobTypes> {
  /** The jobs that ended meanwhile, by their status. */
  completed: number
  failed: number
  cancelled: number
  /** Jobs that are not due yet: delayed, or waiting for their next attempt. */
  waiting: JobOf<Types>[]
  /** Jobs whose handlers did not return within `patience`, due jobs that nothing runs, and those that come again and again. */
  stuck: JobOf<Types>[]
}

/** The jobs of a test. Nothing runs before `drain`, `advance` or `waitFor`. */
export interface TestJobs<Types extends JobTypes> extends Jobs<Types> {
  /** The clock of these jobs. */
  readonly clock: ManualClock
  /** Runs the jobs that are due, those that they enqueue, and their webhooks, until nothing is left to do at this time. */
  drain(): Promise<Drained<Types>>
  /** Passes time, as in `advance('1h')`, and runs what becomes due on the way. @throws if jobs enqueue others without an end */
  advance(duration: Duration): Promise<void>
  /**
   * Runs jobs until this one has the status, passing time where it waits for its next attempt. Resolves with the job.
   * @throws an error that says what became of the job instead
   */
  waitFor<S extends JobStatus = 'completed'>(jobId: string, status?: S): Promise<Extract<JobOf<Types>, { status: S }>>
  /** Runs jobs until this one asks the question, and answers it. @throws as `answer` of `Jobs` does, also if it is not asked within `patience` */
  answer: Jobs<Types>['answer']
  /** Runs one handler alone, once, without storing a job. Resolves with its output; rejects with what it throws. */
  runJob<N extends keyof Types & string>(
    type: N,
    input: InputOf<Types[N]>,
    options?: RunJobOptions,
  ): Promise<OutputOf<Types[N]>>
  /**
   * Kills the worker, as a crash of its process would, and starts another. Its jobs are running until their leases expire: pass time with
   * `advance('1m')`. What their handlers still do is lost.
   */
  crashWorker(): Promise<void>
  /** The webhooks that were sent, oldest first. No network is used. */
  readonly webhooks: readonly CapturedWebhook[]
  /** The status with which receivers answer from now on. Default: 204. */
  respondToWebhooks(status: number): void
}

const testSecret = 'whsec_dGhlIHNlY3JldCBvZiBjcmVhdGVUZXN0Sm9icygp'
/** Time passes in steps of this many milliseconds while jobs run. */
const stepMs = 1_000
/** How long `advance` lets running handlers go on before it passes time, in milliseconds of real time. */
const briefMs = 50
/** How long one call runs jobs that come again and again, as a multiple of `patience`. */
const longestSettle = 6
/** How often a job may wait while `waitFor` waits for it. */
const mostTurns = 1_000
const most = 1_000_000

/** Creates jobs for a test, in memory, with a clock that the test turns. For any test framework. */
export function createTestJobs<Types extends JobTypes>(options: TestJobsOptions<Types>): TestJobs<Types> {
  const { now, concurrency = 10, patience = 5_000, ...rest } = options
  const clock = manualClock(now?.getTime())
  const { store, connect } = sharedStore(clock)
  const receiver = new WebhookReceiver()
  const webhooks = rest.webhooks ?? { secret: testSecret }
  const files = rest.files ?? memoryFiles()
  const startProcess = ({ factory }: Connection) =>
    createJobsWith({ log: silentLog, ...rest, webhooks, files, clock, store: factory }, { sendWebhook: receiver.send })
  const front = startProcess(connect())
  const crashed = new Set<string>()
  let working: { jobs: Jobs; connection: Connection; worker: WorkerHandle } | null = null
  let runs = 0

  async function worker() {
    if (working === null) {
      const connection = connect()
      connection.claiming = false
      const jobs = startProcess(connection)
      working = { jobs, connection, worker: await jobs.work({ concurrency }) }
    }
    return working
  }

  const list = async (status: readonly JobStatus[]) => store.list({ owner: allOwners, status, limit: most })
  const show = async (jobs: readonly Job[]) => {
    const full = await store.get(
      allOwners,
      jobs.map(({ id }) => id),
    )
    return full.filter((job) => job !== null).map((job) => view(job, front.url) as JobOf<Types>)
  }
  /** How long the job waits by itself, in milliseconds; null if it does not. A lease is taken back a moment after its end. */
  const waitOf = (job: Job): number | null => {
    if (job.status === 'pending' && job.runAt > clock.now()) return job.runAt - clock.now()
    return isOrphan(job) ? Math.max(0, (job.leaseUntil ?? 0) - clock.now()) + 2 * stepMs : null
  }
  const isOrphan = ({ status, worker }: Job) => status === 'running' && crashed.has(worker ?? '')

  /** When a job or a webhook is due next, in this time or an earlier one; null if none is. */
  async function nextDue(): Promise<number | null> {
    const due = [
      await store.nextDue('jobs', Object.keys(options.jobs)),
      await store.nextDue('deliveries', [deliveryType]),
      await nextSchedule(),
    ].filter((time) => time !== null)
    return due.length === 0 ? null : Math.min(...due)
  }

  async function nextSchedule(): Promise<number | null> {
    const times = (await front.schedules.list()).flatMap(({ next }) => next.slice(0, 1))
    return times.length === 0 ? null : Math.min(...times.map((time) => Date.parse(time)))
  }

  /** Jobs that run, or that are due. */
  async function active(): Promise<Job[]> {
    const running = (await list(['running'])).filter((job) => !isOrphan(job))
    const due = (await list(['pending'])).filter(({ runAt }) => runAt <= clock.now())
    return [...running, ...due]
  }

  /**
   * Lets a worker run what is due, until nothing is left or nothing has changed for `quietMs` of real time. Stops early when `enough`.
   * Resolves with false if there was no end, since jobs enqueue others again and again.
   */
  async function settle(quietMs = patience, enough: () => Promise<boolean> = async () => false): Promise<boolean> {
    const { connection } = await worker()
    const deadline = performance.now() + longestSettle * patience
    connection.claiming = true
    try {
      let seen = ''
      for (let since = performance.now(); performance.now() - since < quietMs; await pause(1)) {
        connection.hint()
        await clock.advance(0)
        if (await enough()) return true
        const busy = await active()
        const due = await nextDue()
        if (busy.length === 0 && (due === null || due > clock.now())) return true
        const state = busy.map(({ id, version }) => `${id}:${version}`).join()
        if (state !== seen) since = performance.now()
        seen = state
        if (performance.now() > deadline) return false
      }
      return true
    } finally {
      connection.claiming = false
    }
  }

  /** Passes time and runs what becomes due on the way. While jobs run, in steps: a lease or a timeout may end. */
  async function pass(ms: number): Promise<void> {
    const end = clock.now() + ms
    const run = async () => {
      if (!(await settle(briefMs))) throw new Error('Jobs enqueue further jobs without an end.')
    }
    await run()
    while (clock.now() < end) {
      const isBusy = (await list(['running'])).length > 0
      if (isBusy) await clock.advance(Math.min(end - clock.now(), stepMs))
      else await clock.jump(Math.min(end, Math.max((await nextDue()) ?? end, clock.now() + 1)) - clock.now())
      if (!isBusy || (await active()).some(({ status }) => status === 'pending')) await run()
    }
    await run()
  }

  const jobs: TestJobs<Types> = {
    ...front,
    clock,
    webhooks: receiver.received,
    respondToWebhooks(status) {
      receiver.status = status
    },
    async drain() {
      const before = new Set((await list(['completed', 'failed', 'cancelled'])).map(({ id }) => id))
      await settle()
      const ended = (await list(['completed', 'failed', 'cancelled'])).filter(({ id }) => !before.has(id))
      const count = (status: JobStatus) => ended.filter((job) => job.status === status).length
      const stuck = await active()
      const left = (await list(['pending', 'running'])).filter(({ id }) => !stuck.some((job) => job.id === id))
      return {
        completed: count('completed'),
        failed: count('failed'),
        cancelled: count('cancelled'),
        waiting: await show(left.reverse()),
        stuck: await show(stuck),
      }
    },
    advance: async (duration) => pass(milliseconds(duration)),
    async waitFor<S extends JobStatus = 'completed'>(jobId: string, status = 'completed' as S) {
      for (let turn = 0; turn < mostTurns; turn++) {
        let job: Job | null = null
        await settle(patience, async () => {
          job = (await store.get(allOwners, [jobId]))[0] ?? null
          return job === null || job.status === status || isTerminal(job)
        })
        const found = job as Job | null
        if (found === null) throw new Error(`There is no job ${jobId}.`)
        if (found.status === status) return view(found, front.url) as Extract<JobOf<Types>, { status: S }>
        const wait = waitOf(found)
        if (wait === null) throw new Error(`The job is ${sentence(found)}, not ${status}.`)
        await pass(wait)
      }
      throw new Error(`The job ${jobId} did not become ${status}.`)
    },
    async answer(jobId, name, answer, options) {
      const isOpen = async () => {
        const open = await front.questions(jobId, options)
        return open.some((question) => question.name === name)
      }
      await settle(patience, isOpen)
      await front.answer(jobId, name, answer, options)
    },
    async runJob(type, input, how = {}) {
      const definition = options.jobs[type]
      if (definition === undefined) throw new Error(`There is no job type ${type}.`)
      const given = { jobId: `run-${++runs}`, enqueue: front.enqueue, outputBytes: rest.limits?.outputBytes ?? 1 << 20 }
      return (await runAlone(definition, input, how, given)) as never
    },
    async crashWorker() {
      if (working === null) return void (await worker())
      crashed.add(working.worker.id)
      working.connection.cut()
      working = null
      await worker()
    },
    async close() {
      const closing = Promise.all([front.close(), working?.jobs.close()])
      // Handlers that are stuck are given up at the end of the drain.
      await clock.advance(60_000)
      await closing
    },
  }
  return jobs
}

function sentence({ status, error, lastError, progressMessage }: Job): string {
  const reason = error ?? lastError
  if (reason) return `${status} (${reason.code}: ${reason.message})`
  return progressMessage === null ? status : `${status} (${progressMessage})`
}
