export type { JobOf, JobTypeContract, SummaryOf } from './contract.ts'
export {
  type Client,
  type ClientOptions,
  createClient,
  type EnqueueOptions,
  type ListOptions,
} from './create-client.ts'
export { JobCancelledError, JobFailedError, RequestError, type Violation } from './errors.ts'
export type { EventType, JobEvent } from './event.ts'
export type * from './job.ts'
export type { JobHandle, JobUpdate, ResultOptions } from './job-handle.ts'
export type { OutputChunk } from './output.ts'
