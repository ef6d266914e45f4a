import type { JobPageView } from './api.ts'
import { duration, time } from './format.ts'
import { t } from './language.ts'
import { Table } from './page.tsx'

type Attempt = JobPageView['attempts'][number]

/** All attempts on one axis of time, and each with its worker, duration and error. The running one shows its progress. */
export function JobTimeline({ job, attempts, now }: JobPageView) {
  const running = job.status === 'running' && job.startedAt !== null
  const start = job.createdAt
  const end = Math.max(job.completedAt ?? now, start + 1)
  const share = (at: number) => `${Math.min(100, Math.max(0, ((at - start) / (end - start)) * 100))}%`
  const width = (from: number, to: number) => `${Math.max(0.5, ((to - from) / (end - start)) * 100)}%`
  const label = t('attempts')
  return (
    <>
      <div class="timeline">
        {attempts.map((one, i) => (
          <div
            key={i}
            class={`bar ${classOf(one)}`}
            style={{ left: share(one.startedAt), width: width(one.startedAt, one.endedAt) }}
            title={`${t('attempt')} ${one.attempt}: ${duration(one.endedAt - one.startedAt)}`}
          />
        ))}
        {running && (
          <div
            class="bar running"
            style={{ left: share(job.startedAt ?? now), width: width(job.startedAt ?? now, now) }}
          >
            <div class="done" style={{ width: `${job.progress}%` }} />
          </div>
        )}
      </div>
      <div class="row dim">
        <time>{time(start)}</time>
        <div class="spring" />
        <time>{time(end)}</time>
      </div>
      <Table label={label} head={[t('attempt'), t('outcome'), t('started'), t('duration'), t('worker'), t('error')]}>
        {attempts.map((one, i) => (
          <tr key={i}>
            <td>{one.attempt}</td>
            <td>{one.outcome}</td>
            <td>{time(one.startedAt)}</td>
            <td>{duration(one.endedAt - one.startedAt)}</td>
            <td class="mono">{one.worker}</td>
            <td>{one.error !== null && <AttemptError error={one.error} />}</td>
          </tr>
        ))}
        {running && (
          <tr>
            <td>{job.attempt}</td>
            <td>
              <progress max={100} value={job.progress} aria-label={t('progress')} /> {job.progress} %{' '}
              {job.progressMessage}
            </td>
            <td>{time(job.startedAt ?? now)}</td>
            <td>{duration(now - (job.startedAt ?? now))}</td>
            <td class="mono">{job.worker}</td>
            <td />
          </tr>
        )}
      </Table>
    </>
  )
}

const classOf = ({ outcome }: Attempt) =>
  outcome === 'completed' || outcome === 'cancelled' ? outcome : outcome === 'released' ? 'pending' : 'failed'

function AttemptError({ error }: { error: NonNullable<Attempt['error']> }) {
  return (
    <>
      <strong>{error.code}</strong> {error.message}
      {error.thrown !== undefined && (
        <details>
          <summary>{t('stack')}</summary>
          <pre>{error.thrown}</pre>
        </details>
      )}
    </>
  )
}
