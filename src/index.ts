export type { Clock } from './clock.ts'
export { type JobContext, type JobOptions, type JobType, type JobTypes, job } from './define.ts'
export {
  catalogue,
  type ErrorCode,
  type Failure,
  JobError,
  UketsukeError,
  UnrecoverableError,
  type Violation,
} from './domain/errors.ts'
export type { Attempt, JobStatus, Priority } from './domain/job.ts'
export type { EventType, JobEvent, JobView } from './domain/view.ts'
export type { Identity, Scope } from './http/identity.ts'
export { type Quota, QuotaExceeded } from './http/quota.ts'
export { type AskedFor, createJobs, type Jobs } from './jobs.ts'
export type { As, JobOf, ListOptions } from './library.ts'
export { type Log, silentLog } from './log.ts'
export { verifyWebhook } from './notify/sign.ts'
export { defineJobs, type EnqueueOptions, type JobsModule, type JobsOptions } from './options.ts'
export { allOwners, type OpenStore, type Store } from './store/port.ts'
export { sqlite } from './store/sqlite/index.ts'
export type { Transaction } from './store/transaction.ts'
export type { WorkOptions } from './work/staff.ts'
