import type { JobStatus, JobSummary, JobView } from './job.ts'

/** `job.snapshot` and `job.progress` occur over SSE only; `job.progress` stands for every non-terminal change. */
export type EventType = 'job.snapshot' | 'job.progress' | 'job.completed' | 'job.failed' | 'job.cancelled'

/** The statuses of the job in an event of each type. */
interface EventStatuses {
  'job.snapshot': 'pending' | 'running'
  'job.progress': 'pending' | 'running'
  'job.completed': 'completed'
  'job.failed': 'failed'
  'job.cancelled': 'cancelled'
}

/** The envelope of SSE events and webhooks: the complete job at one version. Its `type` tells the status of the job. */
export type JobEvent<Job extends { status: JobStatus } = JobView | JobSummary, Type extends EventType = EventType> = {
  [T in Type]: {
    type: T
    /** ISO 8601: when the job finished, or for a non-terminal job when the event was built. */
    timestamp: string
    data: Extract<Job, { status: EventStatuses[T] }>
  }
}[Type]
