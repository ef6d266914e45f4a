import { styleText } from 'node:util'
import type { JobSummary, JobView } from '@uketsuke/client'
import type { AttemptView, DeliveryView } from '../api/jobs.ts'
import { droppedLines, type LogLine } from '../domain/log-line.ts'

const widths = [26, 24, 9, 8, 7, 10]
const row = (cells: readonly string[]) =>
  cells
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join('  ')
    .trimEnd()

export const tableHead = row(['ID', 'TYPE', 'STATUS', 'PROGRESS', 'ATTEMPT', 'AGE'])

const colors = { pending: 'yellow', running: 'blue', completed: 'green', failed: 'red', cancelled: 'gray' } as const

/** One line of a list. */
export function showRow(job: JobView | JobSummary, now: number): string {
  const { jobId, type, status, progress, attempt, maxAttempts, createdAt } = job
  const attempts = `${attempt}/${maxAttempts}`
  const line = row([jobId, type, status, `${progress} %`, attempts, ageOf(now - Date.parse(createdAt))])
  const why = job.error ?? job.lastError
  const text = why === undefined ? line : `${line}  ${why.code}: ${why.message}`
  return text.replace(status, styleText(colors[status], status))
}

/** The current state with a bar, such as `running   [####......]  40 %  Page 2 of 5`. */
export function showState(job: JobView): string {
  const { status, progress, progressMessage } = job
  const filled = Math.round(progress / 5)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(20 - filled)}]`
  const more = job.error ? `${job.error.code}: ${job.error.message}` : (progressMessage ?? '')
  return `${styleText(colors[status], status.padEnd(9))} ${bar} ${String(progress).padStart(3)} %  ${more}`.trimEnd()
}

/** Everything about a job, for operators. */
export function showDetails(
  job: JobView,
  attempts: readonly AttemptView[],
  deliveries: readonly DeliveryView[],
  log: readonly LogLine[],
): string {
  const { statusUrl: _, streamUrl: __, cancelUrl: ___, ...members } = job
  const lines = Object.entries(members)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => field(name, typeof value === 'string' ? value : JSON.stringify(value)))
  for (const one of attempts) {
    lines.push('', styleText('bold', `attempt ${one.attempt}: ${one.outcome}`))
    lines.push(field('worker', one.worker), field('started', one.startedAt), field('ended', one.endedAt))
    if (one.error) lines.push(field('error', `${one.error.code}: ${one.error.message}`))
    if (one.error?.thrown) lines.push(one.error.thrown)
  }
  for (const one of deliveries) {
    lines.push('', styleText('bold', `webhook ${one.deliveryId}: ${one.status}`), field('url', one.url))
    for (const { endedAt, error } of one.attempts) {
      lines.push(field(endedAt, error ? `${error.code}: ${error.message}` : 'delivered'))
    }
  }
  if (log.length > 0) lines.push('', styleText('bold', 'log'))
  const dropped = droppedLines(log)
  if (dropped > 0) lines.push(`${dropped} earlier lines were not kept`)
  for (const line of log) lines.push(showLogLine(line))
  return lines.join('\n')
}

/** A line that the handler has logged. */
export function showLogLine({ at, level, message, fields }: LogLine): string {
  const text = fields === undefined ? message : `${message} ${JSON.stringify(fields)}`
  return field(new Date(at).toISOString(), `${level.padEnd(5)} ${text}`).trimEnd()
}

const field = (name: string, value: string) => `${name.padEnd(17)} ${value}`

/** Such as `3 min`. */
function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}
