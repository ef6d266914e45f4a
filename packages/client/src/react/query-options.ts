import type { AnyContract, JobOf, TypeOf } from '../contract.ts'
import type { Client } from '../create-client.ts'
import type { JobView } from '../job.ts'
import type { JobHandle } from '../job-handle.ts'

/** The part of TanStack Query's context that is used. */
interface QueryContext {
  signal: AbortSignal
  client: { setQueryData(key: readonly unknown[], data: unknown): unknown }
}

/**
 * Options for TanStack Query (5.69 or later) that follow a job: `data` is its newest state, and the query is fetched when the job ends.
 * A failed or cancelled job is data too: see its `status`.
 * @example
 * const { data: job } = useQuery(jobQueryOptions(client, 'report', jobId))
 */
export function jobQueryOptions<C extends AnyContract<C>, N extends TypeOf<C>>(
  client: Client<C>,
  type: N,
  jobId: string,
) {
  const queryKey = ['uketsuke', type, jobId] as const
  return {
    queryKey,
    /** The state of a job that has ended never changes. */
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal, client: cache }: QueryContext): Promise<JobOf<C, N>> =>
      new Promise((resolve, reject) => {
        const handle = client.job(type, jobId) as unknown as JobHandle
        const stop = handle.subscribe(({ job, error }) => {
          if (job !== undefined && job.completedAt === null) return void cache.setQueryData(queryKey, job)
          stop()
          if (job === undefined) reject(error)
          else resolve(job as JobView as JobOf<C, N>)
        })
        signal.addEventListener('abort', () => {
          stop()
          reject(signal.reason)
        })
      }),
  }
}
