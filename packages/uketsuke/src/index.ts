export type {
  BatchView,
  CancelledJob,
  CompletedJob,
  CompletedJobSummary,
  EventType,
  FailedJob,
  JobEvent,
  JobSummary,
  JobView,
  PendingJob,
  RunningJob,
} from '@uketsuke/client'
export type { Contract } from './api/contract.ts'
export { createJobs } from './api/create-jobs.ts'
export type {
  AttemptView,
  DeliveryView,
  GetOptions,
  GivenAnswer,
  JobOf,
  JobPage,
  JobRequest,
  Jobs,
  ListOptions,
  OwnerScope,
  QuestionView,
  RetryOptions,
  SummaryOf,
  WatchOptions,
  WebhookEndpoints,
} from './api/jobs.ts'
export {
  defineJobs,
  type EnqueueManyOptions,
  type EnqueueOptions,
  type JobsModule,
  type JobsOptions,
} from './api/options.ts'
export type { ScheduleVerbs } from './api/schedules.ts'
export type { WebhookOptions } from './api/webhook-options.ts'
export type { ApiKeyOptions, ApiKeyView } from './auth/api-keys.ts'
export type { Clock } from './base/clock.ts'
export { type Log, silentLog } from './base/log.ts'
export type { DashboardAction, DashboardOptions } from './dashboard/access.ts'
export type { Answer, AskedQuestion, FileData, JobContext, JobFiles, SaveOptions } from './definition/context.ts'
export { type JobOptions, type JobType, type JobTypes, job } from './definition/define.ts'
export { type HandlerAt, handlerAt } from './definition/isolated.ts'
export type { McpToolOptions, ToolAnnotations } from './definition/mcp-tool.ts'
export type { NewJobOptions } from './definition/new-job-options.ts'
export {
  type ErrorCode,
  errorTitles,
  type Failure,
  JobError,
  UketsukeError,
  UnrecoverableError,
  type Violation,
} from './domain/errors.ts'
export type { Health } from './domain/health.ts'
export type { JobStatus, Priority } from './domain/job.ts'
export type { LogLine } from './domain/log-line.ts'
export { type Quota, QuotaExceeded } from './domain/quota.ts'
export type { Scope } from './domain/scopes.ts'
export { localFiles } from './files/local.ts'
export type { FileStorage } from './files/port.ts'
export type { Identity } from './http/identity.ts'
export type { McpOptions } from './mcp/handler.ts'
export type { EndpointView, WebhookEventType } from './notify/endpoint.ts'
export { verifyWebhook, type WebhookEvent } from './notify/verify-webhook.ts'
export type { ScheduleOptions, ScheduleView } from './schedule/schedule.ts'
export { allOwners, type Store, type StoreFactory } from './store/port.ts'
export { sqlite } from './store/sqlite/index.ts'
export type { Transaction } from './store/transaction.ts'
export type { WorkerHandle, WorkOptions } from './work/workers.ts'
