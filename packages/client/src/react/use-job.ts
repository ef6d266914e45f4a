import { useCallback, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { AnyContract, InputOf, JobOf, OutputOf, TypeOf } from '../contract.ts'
import type { Client, EnqueueOptions } from '../create-client.ts'
import { JobCancelledError, JobFailedError } from '../errors.ts'
import type { JobStatus, JobView } from '../job.ts'
import type { JobHandle } from '../job-handle.ts'
import { type OutputClient, type UseJobOutputResult, useOutputOf } from './use-job-output.ts'

export interface UseJobOptions {
  /** Follows this job, for example one whose id is in the URL. Without it, the hook is idle until `start`. */
  jobId?: string | null | undefined
}

/** The state of the job that a component shows. */
export interface UseJobResult<C, N extends TypeOf<C>> {
  /**
   * Creates a job and follows it in place of the previous one. Resolves with its handle, or with undefined if that fails: see `error`.
   * While a request with the same input is being sent, returns the promise of that request, so a double click creates one job.
   */
  start(input: InputOf<C, N>, options?: EnqueueOptions): Promise<JobHandle<JobOf<C, N>> | undefined>
  /** Cancels the job. Unmounting cancels nothing. @throws {RequestError} */
  cancel(): Promise<void>
  /** Forgets the job that `start` created, and its error. The job goes on. */
  reset(): void
  /** The newest state of the job. */
  job: JobOf<C, N> | undefined
  jobId: string | undefined
  /** The status of the job; `idle` without one. */
  status: JobStatus | 'idle'
  /** 0…100. */
  progress: number
  progressMessage: string | null
  /** The output of the completed job. */
  output: OutputOf<C, N> | undefined
  /** A `JobFailedError`, a `JobCancelledError`, or the `RequestError` that ended the start or the following. */
  error: Error | null
  /** There is no job. */
  isIdle: boolean
  /** The job is being created, is waiting or is running. */
  isPending: boolean
  /** The job has completed. */
  isSuccess: boolean
  /** There is an `error`. */
  isError: boolean
}

export interface Hooks<C extends AnyContract<C>> {
  /** Starts and follows one job. Any number of hooks and components share one event stream. */
  useJob<N extends TypeOf<C>>(type: N, options?: UseJobOptions): UseJobResult<C, N>
  /** Reads the live output of a job while it is written. Without a job id, nothing. */
  useJobOutput(jobId: string | null | undefined): UseJobOutputResult
}

/** What `start` has done so far. `jobId` is that of the options at the time. */
interface Started {
  jobId: string | undefined
  handle?: JobHandle
  error?: Error
}

/** Creates the hooks of a client. Call it once, outside of components. */
export function createHooks<C extends AnyContract<C>>(client: Client<C>): Hooks<C> {
  function useJob(type: TypeOf<C>, options: UseJobOptions = {}) {
    const jobId = options.jobId ?? undefined
    const [started, setStarted] = useState<Started | null>(null)
    const sending = useRef<{ key: string; promise: Promise<JobHandle | undefined> } | null>(null)
    const given = useMemo(
      () => (jobId === undefined ? undefined : (client.job(type, jobId) as unknown as JobHandle)),
      [type, jobId],
    )
    // The latest wins: a new `jobId` replaces what `start` created before.
    const own = started !== null && (started.jobId === jobId || started.handle?.jobId === jobId) ? started : null
    const handle = own ? own.handle : given
    const store = useMemo(() => storeOf(handle), [handle])
    const { job, error: lost } = useSyncExternalStore(store.subscribe, store.get, store.get)
    const ended = useMemo(() => errorOf(job), [job])

    const start = useCallback(
      (input: unknown, options?: EnqueueOptions) => {
        const key = JSON.stringify([type, input, options])
        if (sending.current?.key === key) return sending.current.promise
        const isLatest = () => sending.current?.promise === promise
        const promise = (client as unknown as Client<Record<string, { input: unknown; output: unknown }>>)
          .enqueue(type, input, options)
          .then(
            (handle) => {
              if (isLatest()) setStarted({ jobId, handle: handle as unknown as JobHandle })
              return handle as unknown as JobHandle
            },
            (error: Error) => {
              if (isLatest()) setStarted({ jobId, error })
              return undefined
            },
          )
          .finally(() => {
            if (isLatest()) sending.current = null
          })
        sending.current = { key, promise }
        setStarted({ jobId })
        return promise
      },
      [type, jobId],
    )
    const cancel = useCallback(async () => {
      await handle?.cancel()
    }, [handle])
    const reset = useCallback(() => {
      sending.current = null
      setStarted(null)
    }, [])

    const error = own?.error ?? lost ?? ended
    const isIdle = own === null && handle === undefined
    return {
      start,
      cancel,
      reset,
      job,
      jobId: handle?.jobId,
      status: job?.status ?? (isIdle || error ? 'idle' : 'pending'),
      progress: job?.progress ?? 0,
      progressMessage: job?.progressMessage ?? null,
      output: job?.output,
      error,
      isIdle,
      isPending: !isIdle && error === null && job?.status !== 'completed',
      isSuccess: job?.status === 'completed',
      isError: error !== null,
    }
  }
  const useJobOutput = (jobId: string | null | undefined) => useOutputOf(client as OutputClient, jobId)
  return { useJob, useJobOutput } as unknown as Hooks<C>
}

interface Snapshot {
  job: JobView | undefined
  error: Error | null
}

const none: Snapshot = { job: undefined, error: null }

/** What `useSyncExternalStore` needs. Follows only while a component is mounted. */
function storeOf(handle: JobHandle | undefined) {
  let snapshot: Snapshot = handle?.job ? { job: handle.job, error: null } : none
  return {
    get: () => snapshot,
    subscribe(changed: () => void) {
      if (handle === undefined) return () => {}
      return handle.subscribe(({ job, error }) => {
        snapshot = job ? { job, error: null } : { job: snapshot.job, error: error as Error }
        changed()
      })
    },
  }
}

function errorOf(job: JobView | undefined): Error | null {
  if (job?.status === 'failed') return new JobFailedError(job)
  if (job?.status === 'cancelled') return new JobCancelledError(job)
  return null
}
