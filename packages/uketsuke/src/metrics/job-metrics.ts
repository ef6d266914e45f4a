import { version } from '../base/version.ts'
import { endedAttempt } from '../domain/change.ts'
import { type Attempt, type Change, isTerminal, type Job } from '../domain/job.ts'
import type { Store, Unfinished } from '../store/port.ts'
import { Counter, exposition, Gauge, Histogram } from './prometheus.ts'

/** From 5 ms to an hour. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600]
const commitSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
const rows = [1, 2, 5, 10, 25, 50, 100, 250, 500]

export interface MetricsParts {
  readonly store: Pick<Store, 'unfinished' | 'description'>
  now(): number
  /** The open event streams of this process. */
  streams(): number
}

/** Counts what happens in this process, and reads from the store what waits and runs in all of them. */
export class JobMetrics {
  readonly #parts: MetricsParts
  readonly #finished = new Counter(
    'uketsuke_jobs_finished_total',
    'Jobs that ended in this process, by type and outcome.',
  )
  readonly #wait = new Histogram(
    'uketsuke_job_wait_seconds',
    'Time from when an attempt was due to its start in this process.',
    seconds,
  )
  readonly #run = new Histogram('uketsuke_job_run_seconds', 'Duration of attempts that ended in this process.', seconds)
  readonly #leases = new Counter(
    'uketsuke_leases_expired_total',
    'Attempts whose worker stopped responding, found by this process.',
  )
  readonly #deliveries = new Counter(
    'uketsuke_webhook_deliveries_total',
    'Attempts to deliver a webhook by this process: delivered, retrying, or exhausted after the last attempt.',
  )
  readonly #commit = new Histogram(
    'uketsuke_store_commit_seconds',
    'Duration of commits of this process.',
    commitSeconds,
  )
  readonly #batch = new Histogram('uketsuke_batch_size', 'Rows in each commit of this process.', rows)

  constructor(parts: MetricsParts) {
    this.#parts = parts
  }

  /** A worker of this process has started attempts. */
  claimed(jobs: readonly Job[]): void {
    for (const { queue, type, startedAt, runAt } of jobs) {
      if (queue === 'jobs' && startedAt !== null) this.#wait.observe({ type }, toSeconds(startedAt - runAt))
    }
  }

  /** This process has committed a change. */
  changed(change: Change): void {
    const { after } = change
    const ended = endedAttempt(change)
    if (ended?.outcome === 'lease-lost') this.#leases.add()
    if (after.queue === 'deliveries') return void this.#delivered(after, ended)
    const { type, status } = after
    if (isTerminal(after)) this.#finished.add({ type, outcome: status })
    if (ended !== null) this.#run.observe({ type }, toSeconds(ended.endedAt - ended.startedAt))
  }

  #delivered({ status }: Job, ended: Attempt | null): void {
    if (status === 'completed') this.#deliveries.add({ outcome: 'delivered' })
    else if (status === 'failed') this.#deliveries.add({ outcome: 'exhausted' })
    // A release sends nothing: a slot or a worker was missing.
    else if (ended?.outcome === 'retrying') this.#deliveries.add({ outcome: 'retrying' })
  }

  /** The store has committed rows in this time, in milliseconds. */
  committed(operation: string, ms: number, count: number): void {
    this.#commit.observe({ operation }, ms / 1_000)
    this.#batch.observe({ operation }, count)
  }

  /** In the text format of Prometheus. Rejects if the store does not answer. */
  async text(): Promise<string> {
    const { store, now, streams } = this.#parts
    const unfinished = await store.unfinished()
    return exposition([
      new Gauge('uketsuke_build_info', 'The version of this process.', () => [
        [{ version: version(), node: process.version, store: store.description.engine }, 1],
      ]),
      new Gauge('uketsuke_jobs', 'Jobs in the store that have not ended.', () => counts(unfinished)),
      new Gauge('uketsuke_oldest_waiting_seconds', 'How long the oldest due job of each type has waited.', () =>
        unfinished.map(({ type, oldest }) => [{ type }, oldest === null ? 0 : toSeconds(now() - oldest)]),
      ),
      this.#finished,
      this.#wait,
      this.#run,
      this.#leases,
      this.#deliveries,
      new Gauge('uketsuke_sse_connections', 'Open event streams of this process.', () => [[{}, streams()]]),
      this.#commit,
      this.#batch,
    ])
  }
}

function* counts(unfinished: readonly Unfinished[]) {
  for (const { type, pending, running } of unfinished) {
    yield [{ type, status: 'pending' }, pending] as const
    yield [{ type, status: 'running' }, running] as const
  }
}

const toSeconds = (ms: number) => Math.max(0, ms) / 1_000
