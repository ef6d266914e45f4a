import { post, type TypesView, type TypeView } from './api.ts'
import { count, duration, percent } from './format.ts'
import { Histogram } from './histogram.tsx'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { href } from './location.ts'
import { report } from './notices.tsx'
import { Page, Table } from './page.tsx'
import { useReadOnly } from './session.ts'
import { Sparkline } from './sparkline.tsx'

export function TypesPage() {
  const live = useLive<TypesView>('types')
  return (
    <Page title={t('types')} live={live}>
      {({ items, paused, countedTo }) => (
        <>
          <p class="dim">
            {t('pauseHelp')} <PauseAll paused={paused} onDone={live.refresh} />
          </p>
          <Table
            label={t('types')}
            head={[
              ...[t('type'), t('pending'), t('running'), t('lastHour'), t('completed'), t('failureShare')],
              ...[t('waitTime'), t('runTime'), t('distribution'), t('action')],
            ]}
          >
            {items.map((one) => (
              <Row key={one.type} {...one} countedTo={countedTo} onDone={live.refresh} />
            ))}
          </Table>
        </>
      )}
    </Page>
  )
}

function PauseAll({ paused, onDone }: { paused: boolean; onDone(): void }) {
  const readOnly = useReadOnly()
  const verb = paused ? 'resume' : 'pause'
  const label = t(paused ? 'resumeAll' : 'pauseAll')
  return (
    <>
      {paused && <span class="badge warn">{t('allPaused')}</span>}{' '}
      <button type="button" disabled={readOnly} onClick={() => report(label, post(`types/*/${verb}`), onDone)}>
        {label}
      </button>
    </>
  )
}

function Row(props: TypeView & { countedTo: number; onDone(): void }) {
  const { type, pending, running, completed, failed, wait, run, paused, ended, durations, countedTo } = props
  const readOnly = useReadOnly()
  const change = () => {
    const verb = paused ? 'resume' : 'pause'
    report(t(verb), post(`types/${encodeURIComponent(type)}/${verb}`), props.onDone)
  }
  return (
    <tr>
      <td>
        <a data-row href={href('jobs', { type })}>
          {type}
        </a>{' '}
        {paused && <span class="badge warn">{t('pausedType')}</span>}
      </td>
      <td>{count(pending, countedTo)}</td>
      <td>{count(running, countedTo)}</td>
      <td>
        <Sparkline points={ended} />
      </td>
      <td>{count(completed)}</td>
      <td>
        <a href={href('jobs', { type, status: 'failed' })}>{percent(failed, completed + failed)}</a>
      </td>
      <td>p95 {duration(wait.p95)}</td>
      <td>
        p50 {duration(run.p50)}
        <br />
        p95 {duration(run.p95)}
      </td>
      <td>
        <Histogram type={type} durations={durations} />
      </td>
      <td>
        <button type="button" disabled={readOnly} onClick={change}>
          {t(paused ? 'resume' : 'pause')}
        </button>
      </td>
    </tr>
  )
}
