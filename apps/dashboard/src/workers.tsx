import { post, type WorkersView, type WorkerView } from './api.ts'
import { ago, bytes, duration } from './format.ts'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { jobHref } from './location.ts'
import { report } from './notices.tsx'
import { Ago, Page, Table } from './page.tsx'
import { useReadOnly } from './session.ts'

/** A worker that was not seen for so long, in milliseconds, may be dead. */
const lateMs = 15_000

export function WorkersPage() {
  const live = useLive<WorkersView>('workers')
  return (
    <Page title={t('workers')} live={live}>
      {({ items, now }) =>
        items.length === 0 ? (
          <p class="dim">{t('noWorkers')}</p>
        ) : (
          <>
            <p class="dim">{t('quietHelp')}</p>
            <Table
              label={t('workers')}
              head={[t('worker'), t('lastSeen'), t('runs'), t('workersBusy'), t('version'), t('memory'), t('action')]}
            >
              {items.map((one) => (
                <Row key={one.id} {...one} now={now} onDone={live.refresh} />
              ))}
            </Table>
          </>
        )
      }
    </Page>
  )
}

function Row({
  id,
  seenAt,
  startedAt,
  jobs,
  running,
  concurrency,
  now,
  onDone,
  ...worker
}: WorkerView & { now: number; onDone(): void }) {
  const readOnly = useReadOnly()
  const { quiet } = worker
  const change = () => {
    const verb = quiet ? 'resume' : 'quiet'
    report(t(verb), post(`workers/${encodeURIComponent(id)}/${verb}`), onDone)
  }
  return (
    <tr>
      <td class="mono">
        {id} {quiet && <span class="badge warn">{t('quiet')}</span>}
        <div class="dim">
          {t('started')} <Ago at={startedAt} now={now} />
        </div>
      </td>
      <td class={now - seenAt > lateMs ? 'late' : ''}>{duration(now - seenAt)}</td>
      <td>
        {jobs.length === 0 && <span class="dim">{t('idle')}</span>}
        <ul class="plain">
          {jobs.slice(0, 20).map((job) => (
            <li key={job.jobId}>
              <a data-row href={jobHref(job.jobId)}>
                {job.type}
              </a>{' '}
              {job.progress} %{' '}
              <span class="dim">{job.leaseUntil !== null && t('lease', ago(job.leaseUntil, now))}</span>
            </li>
          ))}
          {jobs.length > 20 && <li class="dim">… {jobs.length - 20}</li>}
        </ul>
      </td>
      <td>
        {running} / {concurrency}
      </td>
      <td>
        {worker.version}
        <div class="dim">Node {worker.node}</div>
      </td>
      <td>{bytes(worker.memory)}</td>
      <td>
        <button type="button" disabled={readOnly} onClick={change}>
          {t(quiet ? 'resume' : 'quiet')}
        </button>
      </td>
    </tr>
  )
}
