/** For whoever writes a store: the port, what goes through it, and the rules that a claim and a renewal must keep. */
export type { Attempt, Change, Job, JobStatus, Lease, Priority, Queue } from '../domain/job.ts'
export { claim, holds } from '../domain/rules.ts'
export {
  allOwners,
  type ClaimQuery,
  type ForeignCommit,
  type IdempotencyKey,
  type Insert,
  type Inserted,
  type Known,
  type ListQuery,
  type OpenStore,
  type Owner,
  type Store,
  type Unclaimed,
} from './port.ts'
export type { Rows, Transaction } from './transaction.ts'
