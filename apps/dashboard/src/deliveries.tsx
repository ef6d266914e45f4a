import { type DeliveryRow, post } from './api.ts'
import { duration, time } from './format.ts'
import { t } from './language.ts'
import { jobHref } from './location.ts'
import { report } from './notices.tsx'
import { Status, Table } from './page.tsx'
import { useReadOnly } from './session.ts'

type Row = Omit<DeliveryRow, 'owner'> & { owner?: string; answer?: string | null }

/** Webhooks with their status, latency and the receiver's answer. */
export function DeliveryRows({ deliveries, onDone, of }: { deliveries: Row[]; onDone(): void; of?: 'jobs' }) {
  const readOnly = useReadOnly()
  if (deliveries.length === 0) return <p class="dim">{t('noDeliveries')}</p>
  const redeliver = (one: Row) => {
    report(t('redeliver'), post(`jobs/${one.jobId}/redeliver`, { deliveryId: one.deliveryId }), onDone)
  }
  const head = [t('url'), t('status'), t('attempt'), t('latency'), t('answer'), t('action')]
  return (
    <Table label={t('deliveries')} head={of === 'jobs' ? [t('job'), ...head] : head}>
      {deliveries.map((one) => (
        <tr key={one.deliveryId}>
          {of === 'jobs' && (
            <td>
              <a data-row class="mono" href={jobHref(one.jobId)}>
                {one.jobId}
              </a>
              <div class="dim">{one.owner}</div>
            </td>
          )}
          <td class="clip">{one.url}</td>
          <td>
            <Status status={one.status} />
            {one.nextAttemptAt !== null && (
              <div class="dim">
                {t('next')}: {time(Date.parse(one.nextAttemptAt))}
              </div>
            )}
          </td>
          <td>
            {one.attempt} / {one.maxAttempts}
          </td>
          <td>{latency(one)}</td>
          <td class="clip">{one.error === null ? answerOf(one) : `${one.error.code}: ${one.error.message}`}</td>
          <td>
            <button type="button" disabled={readOnly || one.completedAt === null} onClick={() => redeliver(one)}>
              {t('redeliver')}
            </button>
          </td>
        </tr>
      ))}
    </Table>
  )
}

/** The status of the receiver's answer and the start of its body. */
function answerOf({ answer }: Row): string {
  if (answer == null) return ''
  const { status, body } = JSON.parse(answer) as { status?: number; body?: string }
  return `${status ?? ''} ${body ?? ''}`.trim()
}

/** How long the last attempt took. */
function latency({ attempts }: Row): string {
  const last = attempts.at(-1)
  return last === undefined ? '–' : duration(Date.parse(last.endedAt) - Date.parse(last.startedAt))
}
