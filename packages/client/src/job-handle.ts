import { JobCancelledError, JobFailedError, RequestError } from './errors.ts'
import type { Follow } from './follow.ts'
import type { JobView } from './job.ts'
import { type OutputChunk, readOutput } from './output.ts'
import { jsonOf, type Send } from './requests.ts'

export interface ResultOptions<Job> {
  /** Called with each newer state, the terminal one included. */
  onUpdate?: (job: Job) => void
  /** Stops waiting. The job goes on. */
  signal?: AbortSignal
}

/** The output of a job that has completed. */
type Output<Job> = Job extends { status: 'completed'; output: infer O } ? O : never

/** What a subscriber gets: a newer state, or the error that ended the following. */
export type JobUpdate<Job> = { job: Job; error?: undefined } | { job?: undefined; error: unknown }

/**
 * A job of the server. Not thenable, so it can be returned from async functions. `for await` yields its current state and each newer one,
 * up to the terminal state.
 */
export interface JobHandle<Job extends JobView = JobView> extends AsyncIterable<Job> {
  readonly jobId: string
  /** The newest state that this handle has seen. */
  readonly job: Job | undefined
  /** Requests the current state. @throws {RequestError} `job-not-found` */
  get(): Promise<Job>
  /**
   * Resolves with the output when the job has completed.
   * @throws {JobFailedError} {JobCancelledError} {RequestError} if the job cannot be followed; the reason of `signal`
   */
  result(options?: ResultOptions<Job>): Promise<Output<Job>>
  /** Calls `onUpdate` with the newest state and each newer one. Returns a function that unsubscribes. */
  subscribe(onUpdate: (update: JobUpdate<Job>) => void): () => void
  /**
   * Reads what the handler writes with `output.write`, from the start until the job has ended. A chunk with a greater `run` begins anew.
   * @throws {RequestError}
   */
  output(options?: { signal?: AbortSignal }): AsyncGenerator<OutputChunk, void>
  /** Cancels the job and resolves with its state. A running job ends a moment later. */
  cancel(): Promise<Job>
  /** Creates a new job with the input of this one, which has ended. @throws {RequestError} `job-not-finished` */
  retry(): Promise<JobHandle<Job>>
  /** Deletes the job, which has ended. @throws {RequestError} `job-not-finished` */
  remove(): Promise<void>
}

interface Parts {
  send: Send
  follow: Follow
  newKey(): string
}

/** `type` null takes a job of any type. */
export function createHandle(parts: Parts, jobId: string, type: string | null, known?: JobView): JobHandle {
  const { send, follow, newKey } = parts
  const path = `/${encodeURIComponent(jobId)}`
  let newest = known

  /** @throws {RequestError} `job-not-found` for a job of another type, as the server does for another owner's */
  function seen(job: JobView): JobView {
    if (type !== null && job.type !== type) throw new RequestError('job-not-found', 'Job not found.', { status: 404 })
    if (newest === undefined || job.version >= newest.version) newest = job
    return job
  }

  const handle: JobHandle = {
    jobId,
    get job() {
      return newest
    },
    async get() {
      return seen(await jsonOf<JobView>(await send('GET', path)))
    },
    subscribe(onUpdate) {
      let delivered = 0
      let stop = () => {}
      const tell = (update: JobUpdate<JobView>) => {
        try {
          onUpdate(update)
        } catch (error) {
          // An error of the subscriber is its own: the stream and other subscribers go on.
          queueMicrotask(() => {
            throw error
          })
        }
      }
      const onJob = (job: JobView) => {
        const version = job.version + Number(isOver(job))
        if (version <= delivered) return
        delivered = version
        try {
          seen(job)
        } catch (error) {
          stop()
          return tell({ error })
        }
        tell({ job })
      }
      let open = true
      const present = newest
      if (present !== undefined) queueMicrotask(() => open && onJob(present))
      if (!isOver(present)) {
        // The state of a job that has ended may be known without its output.
        const known = present?.completedAt === null ? present : undefined
        stop = follow(jobId, { onJob, onError: (error) => tell({ error }) }, known)
      }
      return () => {
        open = false
        stop()
      }
    },
    result: ({ onUpdate, signal } = {}) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        const aborted = () => settle(() => reject(signal?.reason))
        const stop = handle.subscribe(({ job, error }) => {
          if (job === undefined) return settle(() => reject(error))
          try {
            onUpdate?.(job)
          } catch (thrown) {
            return settle(() => reject(thrown))
          }
          if (!isOver(job)) return
          if (job.status === 'completed') settle(() => resolve(job.output))
          else if (job.status === 'failed') settle(() => reject(new JobFailedError(job)))
          else if (job.status === 'cancelled') settle(() => reject(new JobCancelledError(job)))
        })
        const settle = (act: () => void) => {
          stop()
          signal?.removeEventListener('abort', aborted)
          act()
        }
        signal?.addEventListener('abort', aborted)
      }),
    async *[Symbol.asyncIterator]() {
      let update: JobUpdate<JobView> | undefined
      let wake = () => {}
      const stop = handle.subscribe((newer) => {
        update = newer
        wake()
      })
      try {
        for (;;) {
          if (update === undefined) await new Promise<void>((resolve) => (wake = resolve))
          const { job, error } = update as unknown as JobUpdate<JobView>
          update = undefined
          if (job === undefined) throw error
          yield job
          if (isOver(job)) return
        }
      } finally {
        stop()
      }
    },
    output: ({ signal } = {}) => readOutput(send, path, signal),
    async cancel() {
      return seen(await jsonOf<JobView>(await send('POST', `${path}/cancel`)))
    },
    async retry() {
      const headers = { 'idempotency-key': newKey() }
      const job = await jsonOf<JobView>(await send('POST', `${path}/retry`, { headers }))
      return createHandle(parts, job.jobId, type, job)
    },
    async remove() {
      await send('DELETE', path)
    },
  }
  return handle
}

/** A completed job without its output is not known to the end. */
const isOver = (job: JobView | undefined) =>
  job !== undefined && job.completedAt !== null && !('outputOmitted' in job && job.outputOmitted)
