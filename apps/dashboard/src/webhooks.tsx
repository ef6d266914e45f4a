import { useState } from 'preact/hooks'
import { post, type WebhooksView } from './api.ts'
import { DeliveryRows } from './deliveries.tsx'
import { Dialog } from './dialog.tsx'
import { percent, time } from './format.ts'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { notify, report } from './notices.tsx'
import { Page, Table } from './page.tsx'
import { useReadOnly } from './session.ts'

type Endpoint = NonNullable<WebhooksView['endpoints']>[number]

export function WebhooksPage() {
  const live = useLive<WebhooksView>('webhooks')
  return (
    <Page title={t('webhooks')} live={live}>
      {({ endpoints, failed }) => (
        <>
          <section class="card">
            <h2>{t('endpoints')}</h2>
            {endpoints === null && <p class="dim">{t('endpointsOff')}</p>}
            {endpoints?.length === 0 && <p class="dim">{t('noEndpoints')}</p>}
            {endpoints !== null && endpoints.length > 0 && <Endpoints endpoints={endpoints} onDone={live.refresh} />}
          </section>
          <section class="card">
            <h2>{t('failedDeliveries')}</h2>
            <DeliveryRows deliveries={failed} onDone={live.refresh} of="jobs" />
          </section>
        </>
      )}
    </Page>
  )
}

function Endpoints({ endpoints, onDone }: { endpoints: Endpoint[]; onDone(): void }) {
  const readOnly = useReadOnly()
  const [recovering, setRecovering] = useState<Endpoint | null>(null)
  const change = (one: Endpoint, verb: 'enable' | 'disable') => {
    report(t(verb), post(`webhooks/${one.endpointId}/${verb}`, { owner: one.owner }), onDone)
  }
  return (
    <>
      <Table label={t('endpoints')} head={[t('url'), t('owner'), t('state'), t('successRate'), t('action')]}>
        {endpoints.map((one) => (
          <tr key={one.endpointId}>
            <td class="clip">
              {one.url}
              <div class="dim">{one.description}</div>
            </td>
            <td class="clip">{one.owner}</td>
            <td>
              {one.disabled === null ? t('enabled') : t('disabledBecause', one.disabled.reason)}
              {one.failing !== null && (
                <div class="late">{t('failingSince', time(Date.parse(one.failing.since)), one.failing.attempts)}</div>
              )}
            </td>
            <td>{percent(one.delivered, one.delivered + one.failed)}</td>
            <td class="row">
              <button
                type="button"
                disabled={readOnly}
                onClick={() => change(one, one.disabled ? 'enable' : 'disable')}
              >
                {t(one.disabled ? 'enable' : 'disable')}
              </button>
              <button type="button" disabled={readOnly} onClick={() => setRecovering(one)}>
                {t('recover')}
              </button>
            </td>
          </tr>
        ))}
      </Table>
      {recovering !== null && <Recover endpoint={recovering} onClose={() => setRecovering(null)} />}
    </>
  )
}

/** For the input: local time without a zone. */
const dayAgo = () => {
  const now = new Date(Date.now() - 24 * 60 * 60_000)
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

function Recover({ endpoint, onClose }: { endpoint: Endpoint; onClose(): void }) {
  const [since, setSince] = useState(dayAgo)
  const submit = (event: Event) => {
    event.preventDefault()
    const body = { owner: endpoint.owner, since: new Date(since).getTime() }
    post<{ recovered: number }>(`webhooks/${endpoint.endpointId}/recover`, body)
      .then(({ recovered }) => notify(t('recovered', recovered)))
      .catch((error: Error) => notify(t('didNot', t('recover'), error.message)))
      .finally(onClose)
  }
  return (
    <Dialog title={t('recover')} onClose={onClose}>
      <form onSubmit={submit}>
        <p class="mono">{endpoint.url}</p>
        <label>
          {t('recoverSince')}{' '}
          <input
            type="datetime-local"
            required
            value={since}
            onInput={(event) => setSince(event.currentTarget.value)}
          />
        </label>
        <div class="row">
          <button type="submit" class="danger">
            {t('confirm')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
