/** For authors of a store: the `Store` port, its types, and the rules that a claim and a lease renewal must follow. */
export type { Attempt, Change, Job, JobStatus, Lease, Priority, Queue } from '../domain/job.ts'
export { claim, isHeldBy } from '../domain/rules.ts'
export {
  allOwners,
  type ClaimQuery,
  type IdempotencyKey,
  type Insert,
  type Inserted,
  type KnownVersion,
  type ListQuery,
  type Owner,
  type RemoteCommit,
  type Store,
  type StoreFactory,
  type Unclaimed,
} from './port.ts'
export type { Rows, Transaction } from './transaction.ts'
