/** What the dashboard's pages get from its JSON API. Times are in milliseconds since the epoch, durations in milliseconds. */
import type { DeliveryView } from '../domain/delivery-view.ts'
import type { Failure } from '../domain/errors.ts'
import type { Attempt, JobStatus, Priority } from '../domain/job.ts'
import type { LogLine } from '../domain/log-line.ts'
import type { EndpointView } from '../notify/endpoint.ts'
import type { ScheduleView } from '../schedule/schedule.ts'
import type { ErrorGroup } from '../statistics/error-groups.ts'
import type { WorkerRecord } from '../work/presence.ts'
import type { DashboardAction } from './access.ts'

export type { DashboardAction, ErrorGroup, JobStatus, LogLine }

/** What the pages need to know at the start. */
export interface SessionView {
  version: string
  engine: string
  readOnly: boolean
  /** The jobs API as clients see it: a URL or a path. */
  api: string
  types: string[]
}

export interface Percentiles {
  p50: number | null
  p95: number | null
  p99: number | null
}

export interface PointView {
  at: number
  completed: number
  failed: number
  cancelled: number
  retried: number
}

/** Counts of jobs that have not ended, up to `countedTo` for each type and status. */
export interface BacklogView {
  type: string
  pending: number
  running: number
  /** Since when the oldest due job has been due. */
  oldest: number | null
}

export interface OverviewView {
  now: number
  countedTo: number
  backlog: BacklogView[]
  /** Failed jobs that are kept, counted up to `countedTo`. */
  failed: number
  series: PointView[]
  wait: Percentiles
  run: Percentiles
  workers: { alive: number; running: number; slots: number }
}

/** A job in a list. */
export interface JobRow {
  jobId: string
  type: string
  owner: string
  status: JobStatus
  progress: number
  progressMessage: string | null
  attempt: number
  maxAttempts: number
  priority: Priority
  createdAt: number
  runAt: number
  startedAt: number | null
  completedAt: number | null
  cancelRequestedAt: number | null
  worker: string | null
  leaseUntil: number | null
  error: Failure | null
}

export interface JobListView {
  now: number
  items: JobRow[]
  /** Pass it as `cursor` to go on. Null at the end. */
  next: string | null
  /** If the search stopped for lack of time: the creation time of the last job that it examined. */
  searchedTo: number | null
}

/** Counted for a short time only: `more` if there may be more. */
export interface CountView {
  count: number
  more: boolean
  /** Jobs that were created later are not part of a bulk action on these. */
  until: string
}

export interface BulkView {
  done: number
  /** Jobs whose state does not allow the action, or which are gone. */
  skipped: number
  next: string | null
}

export interface DeliveryRow extends DeliveryView {
  jobId: string
  owner: string
}

export interface JobPageView {
  now: number
  job: JobRow & {
    version: number
    /** Pending until there is room within the limits of its key. */
    parked: boolean
    expiresAt: number | null
    retryOf: string | null
    webhookUrl: string | null
    lastError: Failure | null
    position: number | null
  }
  /** JSON text. Null where a rule hides it or there is none. */
  input: string | null
  output: string | null
  metadata: string | null
  attempts: Attempt[]
  log: LogLine[]
  deliveries: (DeliveryView & { answer: string | null })[]
}

export interface TypeView extends BacklogView {
  paused: boolean
  /** Ended jobs per minute in the last hour, oldest first. */
  ended: { completed: number; failed: number }[]
  completed: number
  failed: number
  retried: number
  wait: Percentiles
  run: Percentiles
  /** How many attempts took up to `upTo`. */
  durations: { upTo: number; count: number }[]
}

export interface ScheduleRow extends Omit<ScheduleView, 'input' | 'next' | 'lastRunAt'> {
  next: number[]
  lastRunAt: number | null
}

export interface SchedulesView {
  now: number
  items: ScheduleRow[]
}

export interface TypesView {
  now: number
  /** Whether all types are paused. */
  paused: boolean
  countedTo: number
  items: TypeView[]
}

export interface WorkerView extends WorkerRecord {
  id: string
  jobs: { jobId: string; type: string; startedAt: number | null; leaseUntil: number | null; progress: number }[]
}

export interface WorkersView {
  now: number
  items: WorkerView[]
}

export interface WebhooksView {
  now: number
  /** Null if endpoints cannot be registered here. */
  endpoints: (EndpointView & { owner: string; delivered: number; failed: number })[] | null
  failed: DeliveryRow[]
}

export interface ErrorsView {
  now: number
  items: (ErrorGroup & { id: string })[]
}

export interface AuditEntry {
  at: number
  actor: string
  action: DashboardAction
  target: string
  detail: string | null
}

export interface AuditView {
  now: number
  items: AuditEntry[]
}

export interface SuggestionsView {
  types: string[]
  owners: string[]
  /** Paths of inputs and metadata, such as `input.userId`. */
  paths: string[]
}

/** One event of a live page. */
export interface LiveView<T> {
  data: T
  /** How often the page is updated at most, if changes come faster than that. Null otherwise. */
  slowedTo: number | null
}
