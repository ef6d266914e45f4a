import type { Lease } from '../domain/job.ts'
import type { Owner } from './owner.ts'

/** What an attempt stores with its job while it runs: the result of a step, or a chunk of live output. */
export interface Fragment {
  /** What it is, such as `step`. */
  readonly kind: string
  /** Unique within the job and the kind. */
  readonly key: string
  readonly value: string
}

/** A fragment that the holder of a lease stores. */
export interface NewFragment extends Fragment {
  readonly lease: Lease
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
