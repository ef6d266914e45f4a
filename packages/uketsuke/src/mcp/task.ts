import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { isoTime } from '../domain/view.ts'
import { queuePositionIfCheap, retryAfter } from '../http/response.ts'
import { inputRequests, questionsFor } from './input.ts'
import { progressOf, type ResultContext, resultOf, systemError } from './result.ts'
import { taskNotFound } from './rpc-error.ts'

/** A task as the extension defines it. Times are ISO 8601 in UTC; durations are in milliseconds. */
interface Task {
  readonly taskId: string
  readonly status: 'working' | 'input_required' | 'completed' | 'cancelled' | 'failed'
  readonly statusMessage: string
  readonly createdAt: string
  readonly lastUpdatedAt: string
  /** From its creation. Null until it ends. */
  readonly ttlMs: number | null
  readonly pollIntervalMs?: number
}

/** A job as a task, without what it returned and what it asks. */
export async function taskOf({ service }: Pick<ResultContext, 'service'>, job: Job): Promise<Task> {
  const position = (await queuePositionIfCheap(service, job)) ?? 1
  const wait = retryAfter(job, service.clock.now(), position, service.estimate(job))
  return {
    taskId: job.id,
    status: statusOf(job),
    statusMessage: progressOf(job),
    createdAt: isoTime(job.createdAt),
    lastUpdatedAt: isoTime(lastChange(job)),
    ttlMs: job.expiresAt === null ? null : job.expiresAt - job.createdAt,
    ...(wait !== null && { pollIntervalMs: wait * 1_000 }),
  }
}

/** The same with what it asks, and with its result or its error once it has ended. */
export async function detailedTaskOf(context: ResultContext, job: Job): Promise<object> {
  const task = await taskOf(context, job)
  const questions = await questionsFor(context, job)
  const [first] = questions
  if (first !== undefined) {
    const statusMessage = `Waiting for an answer: ${first.message}`
    return { ...task, status: 'input_required', statusMessage, inputRequests: inputRequests(questions) }
  }
  if (task.status === 'failed') {
    const { code = 0, message = '', data } = systemError(job) ?? {}
    return { ...task, statusMessage: message, error: { code, message, data } }
  }
  if (task.status !== 'completed') return task
  return { ...task, result: { resultType: 'complete', ...(await resultOf(context, job)) } }
}

/** A tool that fails has completed its call, with an error. */
function statusOf(job: Job): Task['status'] {
  if (!isTerminal(job)) return 'working'
  if (job.status === 'cancelled') return 'cancelled'
  return systemError(job) === null ? 'completed' : 'failed'
}

/** The last change whose time is stored: progress has none. */
const lastChange = ({ completedAt, cancelRequestedAt, startedAt, createdAt }: Job) =>
  completedAt ?? Math.max(cancelRequestedAt ?? 0, startedAt ?? 0, createdAt)

/** Whether an owner cannot see a job, for whatever reason: there is one answer to all of them. */
export const isHidden = (error: unknown): boolean =>
  error instanceof UketsukeError && ['job-not-found', 'job-expired'].includes(error.code)

export async function orTaskNotFound<T>(found: Promise<T>): Promise<T> {
  return found.catch((error: unknown) => {
    throw isHidden(error) ? taskNotFound() : error
  })
}
