import { useEffect, useState } from 'preact/hooks'
import { type JobPageView, type LogLine, post, type SessionView } from './api.ts'
import { DeliveryRows } from './deliveries.tsx'
import { Dialog } from './dialog.tsx'
import { ago, time } from './format.ts'
import { JobStates } from './job-states.tsx'
import { JobTimeline } from './job-timeline.tsx'
import { JsonTree } from './json-tree.tsx'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { go, href, jobHref } from './location.ts'
import { announce, notify } from './notices.tsx'
import { Page, Status } from './page.tsx'
import { useReadOnly, useSession } from './session.ts'

export function JobPage({ id }: { id: string }) {
  const live = useLive<JobPageView>(`jobs/${encodeURIComponent(id)}`)
  const status = live.data?.job.status
  const [known, setKnown] = useState(status)
  useEffect(() => {
    if (status !== undefined && known !== undefined && status !== known) announce(t('announceStatus', t(status)))
    setKnown(status)
  }, [status])
  const title = (
    <>
      {t('job')} <span class="mono">{id}</span>
    </>
  )
  return (
    <Page title={title} live={live} tools={live.data !== null && <JobActions {...live.data} onDone={live.refresh} />}>
      {(data) => (
        <>
          <Facts {...data} />
          <section class="card">
            <h2>{t('states')}</h2>
            <JobStates {...data} />
          </section>
          <section class="card">
            <h2>{t('timeline')}</h2>
            <JobTimeline {...data} />
          </section>
          <div class="columns">
            {(['input', 'output', 'metadata'] as const).map((part) => (
              <section key={part} class="card">
                <h2>{t(part)}</h2>
                <JsonTree text={data[part]} label={t(part)} />
              </section>
            ))}
          </div>
          <section class="card">
            <h2>{t('log')}</h2>
            <Log lines={data.log} />
          </section>
          <section class="card">
            <h2>{t('deliveries')}</h2>
            <DeliveryRows deliveries={data.deliveries.map((one) => ({ ...one, jobId: id }))} onDone={live.refresh} />
          </section>
        </>
      )}
    </Page>
  )
}

function Facts({ job, now }: JobPageView) {
  const lease = job.status === 'running' && job.leaseUntil !== null
  return (
    <p class="facts">
      <Status status={job.status} />
      <a href={href('jobs', { type: job.type })}>{job.type}</a>
      <a href={href('jobs', { owner: job.owner })}>{job.owner}</a>
      {job.priority === 'high' && <span class="badge">{t('high')}</span>}
      {job.position !== null && <span>{t('position', job.position)}</span>}
      {job.parked && <span class="badge warn">{t('parked')}</span>}
      {lease && <span>{(job.leaseUntil ?? 0) > now ? t('lease', ago(job.leaseUntil ?? 0, now)) : t('leaseOver')}</span>}
      {job.cancelRequestedAt !== null && <span class="badge warn">{t('cancelRequested')}</span>}
      {job.retryOf !== null && (
        <span>
          {t('retryOf')} <a href={jobHref(job.retryOf)}>{job.retryOf}</a>
        </span>
      )}
      {job.expiresAt !== null && <span class="dim">{t('expires', ago(job.expiresAt, now))}</span>}
    </p>
  )
}

type Action = 'cancel' | 'retry' | 'delete'

function JobActions({ job, onDone }: JobPageView & { onDone(): void }) {
  const readOnly = useReadOnly()
  const session = useSession()
  const [asked, setAsked] = useState<Action | null>(null)
  const ended = job.completedAt !== null
  const run = async (action: Action) => {
    setAsked(null)
    const { jobId } = await post<{ jobId: string }>(`jobs/${job.jobId}/${action}`, { operation: `${job.version}` })
    notify(t('did', t(action)))
    if (action === 'delete') go(href('jobs'))
    else if (action === 'retry') go(jobHref(jobId))
    else onDone()
  }
  const start = (action: Action) => {
    run(action).catch((error: Error) => notify(t('didNot', t(action), error.message)))
  }
  const legal = { cancel: !ended && job.cancelRequestedAt === null, retry: ended, delete: ended }
  return (
    <>
      <button type="button" onClick={() => copy(curl(session, job.jobId))}>
        {t('copyCurl')}
      </button>
      <button type="button" disabled={readOnly || !legal.retry} onClick={() => start('retry')}>
        {t('retry')}
      </button>
      <button type="button" disabled={readOnly || !legal.cancel} onClick={() => setAsked('cancel')}>
        {t('cancel')}
      </button>
      <button type="button" disabled={readOnly || !legal.delete} onClick={() => setAsked('delete')}>
        {t('delete')}
      </button>
      {asked !== null && (
        <Dialog title={t(asked)} onClose={() => setAsked(null)}>
          <p>{t(asked === 'delete' ? 'confirmDelete' : 'confirmCancel')}</p>
          <div class="row">
            <button type="button" class="danger" onClick={() => start(asked)}>
              {t('confirm')}
            </button>
            <button type="button" onClick={() => setAsked(null)}>
              {t('keep')}
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}

/** For a shell: every character is literal in single quotes. */
const curl = (session: SessionView | null, id: string) => {
  const url = `${new URL(session?.api ?? '/api/jobs', location.origin).href}/${id}?include=input`
  return `curl -H 'Authorization: Bearer TOKEN' '${url.replaceAll("'", '%27')}'`
}

function copy(text: string): void {
  // Without HTTPS there is no clipboard: show what would have been copied.
  const failed = () => notify(text)
  if (navigator.clipboard === undefined) failed()
  else navigator.clipboard.writeText(text).then(() => notify(t('copied')), failed)
}

function Log({ lines }: { lines: LogLine[] }) {
  if (lines.length === 0) return <p class="dim">{t('noLog')}</p>
  const dropped = (lines[0]?.number ?? 1) - 1
  return (
    <>
      {dropped > 0 && <p class="dim">{t('droppedLines', dropped)}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <ol class="log mono" tabIndex={0} aria-label={t('log')}>
        {lines.map((line, i) => (
          <li key={i} class={line.level}>
            <time class="dim">{time(line.at)}</time> <span class="dim">#{line.attempt}</span>{' '}
            {line.level !== 'info' && <strong>{line.level} </strong>}
            {line.message} {line.fields !== undefined && <span class="dim">{JSON.stringify(line.fields)}</span>}
          </li>
        ))}
      </ol>
    </>
  )
}
