import { useEffect } from 'preact/hooks'
import type { JobListView, JobRow, JobStatus } from './api.ts'
import { BulkActions } from './bulk.tsx'
import { filterOf } from './filter.ts'
import { duration, time } from './format.ts'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { go, href, jobHref } from './location.ts'
import { announce } from './notices.tsx'
import { Ago, Page, Status, Table } from './page.tsx'
import { SearchBox } from './search-box.tsx'

const statuses: JobStatus[] = ['pending', 'running', 'completed', 'failed', 'cancelled']

/** The jobs of a filter, which is all in the URL. */
export function JobsPage({ query }: { query: URLSearchParams }) {
  const live = useLive<JobListView>(`jobs?${query}`)
  const filter = filterOf(query)
  const shown = live.data?.items.length
  useEffect(() => {
    if (shown !== undefined) announce(t('announceCount', shown))
  }, [query.toString(), shown === undefined])
  const search = (wanted: URLSearchParams) => go(href('jobs', wanted))
  const above = (
    <>
      <SearchBox query={query} onSearch={search} />
      <StatusTabs filter={filter} />
    </>
  )
  return (
    <Page title={t('jobs')} live={live} tools={<Order filter={filter} />} above={above}>
      {(data) => (
        <>
          <BulkActions filter={filter} onDone={live.refresh} />
          {data.searchedTo !== null && <p class="hint">{t('searchedTo', time(data.searchedTo))}</p>}
          <Rows {...data} />
          <nav class="row" aria-label={t('older')}>
            {query.has('cursor') && <a href={href('jobs', filter)}>{t('first')}</a>}
            {data.next !== null && <a href={href('jobs', withParameter(filter, 'cursor', data.next))}>{t('older')}</a>}
          </nav>
        </>
      )}
    </Page>
  )
}

function Rows({ items, now, searchedTo }: JobListView) {
  if (items.length === 0) return searchedTo === null ? <p class="dim">{t('noJobs')}</p> : null
  const head = [t('id'), t('type'), t('status'), t('progress'), t('owner'), t('attempt'), t('created'), t('duration')]
  return (
    <Table label={t('jobs')} head={head}>
      {items.map((job) => (
        <tr key={job.jobId}>
          <td>
            <a data-row class="mono" href={jobHref(job.jobId)}>
              {job.jobId}
            </a>
          </td>
          <td>
            <a href={href('jobs', { type: job.type })}>{job.type}</a>
            {job.priority === 'high' && <span class="badge">{t('high')}</span>}
          </td>
          <td>
            <Status status={job.status} />
            {job.error !== null && <div class="dim clip">{job.error.code}</div>}
          </td>
          <td>
            <Progress {...job} />
          </td>
          <td class="clip">
            <a href={href('jobs', { owner: job.owner })}>{job.owner}</a>
          </td>
          <td>
            {job.attempt} / {job.maxAttempts}
          </td>
          <td>
            <Ago at={job.createdAt} now={now} />
          </td>
          <td>{duration(ran(job, now))}</td>
        </tr>
      ))}
    </Table>
  )
}

/** How long the last attempt ran. A job that waits for its next attempt does not run. */
const ran = ({ status, startedAt, completedAt }: JobRow, now: number) =>
  startedAt === null || status === 'pending' ? null : (completedAt ?? now) - startedAt

export const Progress = ({
  progress,
  progressMessage,
  type,
}: Pick<JobRow, 'progress' | 'progressMessage' | 'type'>) => (
  <>
    <progress max={100} value={progress} aria-label={`${t('progress')} ${type}`} /> {progress} %
    {progressMessage !== null && <div class="dim clip">{progressMessage}</div>}
  </>
)

function StatusTabs({ filter }: { filter: URLSearchParams }) {
  const here = filter.get('status')
  const to = (status: string | null) => href('jobs', withParameter(filter, 'status', status))
  return (
    <nav class="tabs" aria-label={t('status')}>
      <a href={to(null)} aria-current={here === null ? 'true' : undefined}>
        {t('all')}
      </a>
      {statuses.map((status) => (
        <a key={status} href={to(status)} aria-current={here === status ? 'true' : undefined}>
          {t(status)}
        </a>
      ))}
    </nav>
  )
}

function Order({ filter }: { filter: URLSearchParams }) {
  const oldest = filter.get('sort') === 'oldest'
  return (
    <a class="button" href={href('jobs', withParameter(filter, 'sort', oldest ? null : 'oldest'))}>
      {t(oldest ? 'oldestFirst' : 'newestFirst')} {oldest ? '↑' : '↓'}
    </a>
  )
}

function withParameter(filter: URLSearchParams, name: string, value: string | null): URLSearchParams {
  const changed = new URLSearchParams(filter)
  if (value === null) changed.delete(name)
  else changed.set(name, value)
  return changed
}
