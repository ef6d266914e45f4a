import type { Lease } from '../domain/job.ts'
import type { Owner } from './owner.ts'

/** What is stored with a job while it runs: the result of a step, a chunk of live output, a question of the handler, or its answer. */
export interface Fragment {
  /** What it is, such as `step`. */
  readonly kind: string
  /** Unique within the job and the kind. */
  readonly key: string
  readonly value: string
}

/** Names a job, whoever runs it. */
export interface AnyLease {
  readonly id: string
  readonly attempt: null
  readonly worker: null
}

export const anyLease = (id: string): AnyLease => ({ id, attempt: null, worker: null })

/** A fragment that the holder of a lease stores, or that a client adds to its job. */
export interface NewFragment extends Fragment {
  readonly lease: Lease | AnyLease
}

export interface FragmentQuery {
  readonly owner: Owner
  readonly jobId: string
  readonly kind: string
  /** Only fragments whose key is greater, bytewise. */
  readonly after: string | null
  /** By descending key instead. `after` must be null. */
  readonly descending?: boolean | undefined
  readonly limit: number
}
