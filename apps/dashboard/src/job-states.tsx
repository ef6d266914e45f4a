import type { JobPageView, JobStatus } from './api.ts'
import { time } from './format.ts'
import { t } from './language.ts'

/** Pending → running → how it ended. What the job has been through is marked, with the time. */
export function JobStates({ job, attempts }: JobPageView) {
  const { status, createdAt, startedAt, completedAt, attempt, runAt } = job
  const visited: Partial<Record<JobStatus, number | null>> = {
    pending: status === 'pending' ? (attempt > 0 ? runAt : createdAt) : createdAt,
    ...(startedAt !== null && { running: startedAt }),
    ...(completedAt !== null && { [status]: completedAt }),
  }
  const box = (state: JobStatus) => (
    <li
      key={state}
      class={`state ${state} ${state in visited ? 'visited' : ''}`}
      aria-current={state === status ? 'step' : undefined}
    >
      <strong>{t(state)}</strong>
      <small>{visited[state] == null ? ' ' : time(visited[state])}</small>
    </li>
  )
  // The attempt that ended the job did not lead back.
  const again = attempts.length - (completedAt === null ? 0 : 1)
  return (
    <ol class="states" aria-label={t('states')}>
      {box('pending')}
      <li class="arrow" aria-hidden="true">
        {again > 0 ? `⇄ ${again}×` : '→'}
      </li>
      {box('running')}
      <li class="arrow" aria-hidden="true">
        →
      </li>
      <li class="ends">
        <ol>{(['completed', 'failed', 'cancelled'] as const).map(box)}</ol>
      </li>
    </ol>
  )
}
