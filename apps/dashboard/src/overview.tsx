import type { OverviewView, Percentiles } from './api.ts'
import { count, duration } from './format.ts'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { go, href } from './location.ts'
import { Page, Table } from './page.tsx'
import { ThroughputChart } from './throughput-chart.tsx'

const ranges = ['hour', 'day', 'fortnight'] as const

export function OverviewPage({ query }: { query: URLSearchParams }) {
  const range = ranges.find((one) => one === query.get('range')) ?? 'hour'
  const live = useLive<OverviewView>(`overview?range=${range}`)
  const tools = (
    <label>
      {t('range')}{' '}
      <select value={range} onChange={(event) => go(href('overview', { range: event.currentTarget.value }))}>
        {ranges.map((one) => (
          <option key={one} value={one}>
            {t(one)}
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <Page title={t('overview')} live={live} tools={tools}>
      {(data) => (
        <>
          <Figures {...data} />
          <section class="card">
            <h2>{t('ended', t(range === 'hour' ? 'perMinute' : 'perHour'))}</h2>
            <ThroughputChart series={data.series} />
          </section>
          <div class="columns">
            <Distribution title={t('waitTime')} of={data.wait} />
            <Distribution title={t('runTime')} of={data.run} />
          </div>
          <section class="card">
            <h2>{t('byType')}</h2>
            <Backlog {...data} />
          </section>
        </>
      )}
    </Page>
  )
}

function Figures({ backlog, countedTo, failed, workers, now }: OverviewView) {
  const sum = (name: 'pending' | 'running') => backlog.reduce((all, one) => all + one[name], 0)
  const oldest = backlog.reduce<number | null>(
    (least, one) => Math.min(least ?? Infinity, one.oldest ?? Infinity),
    null,
  )
  const waited = oldest === null || oldest === Infinity ? null : now - oldest
  const more = (name: 'pending' | 'running') => (backlog.some((one) => one[name] >= countedTo) ? '+' : '')
  return (
    <dl class="figures">
      <Figure
        name={t('pending')}
        value={count(sum('pending')) + more('pending')}
        to={href('jobs', { status: 'pending' })}
      />
      <Figure
        name={t('running')}
        value={count(sum('running')) + more('running')}
        to={href('jobs', { status: 'running' })}
      />
      <Figure name={t('failedKept')} value={count(failed, countedTo)} to={href('jobs', { status: 'failed' })} />
      <Figure
        name={t('oldestWaiting')}
        value={duration(waited)}
        to={href('jobs', { status: 'pending', sort: 'oldest' })}
      />
      <Figure
        name={t('workersBusy')}
        value={`${count(workers.running)} / ${count(workers.slots)}`}
        to={href('workers')}
      />
    </dl>
  )
}

const Figure = ({ name, value, to }: { name: string; value: string; to: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>
      <a href={to}>{value}</a>
    </dd>
  </div>
)

const Distribution = ({ title, of }: { title: string; of: Percentiles }) => (
  <section class="card">
    <h2>{title}</h2>
    <dl class="figures small">
      {(['p50', 'p95', 'p99'] as const).map((name) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{duration(of[name])}</dd>
        </div>
      ))}
    </dl>
  </section>
)

function Backlog({ backlog, countedTo, now }: OverviewView) {
  if (backlog.length === 0) return <p class="dim">{t('nothing')}</p>
  return (
    <Table label={t('byType')} head={[t('type'), t('pending'), t('running'), t('oldestWaiting')]}>
      {backlog.map(({ type, pending, running, oldest }) => (
        <tr key={type}>
          <td>
            <a data-row href={href('jobs', { type })}>
              {type}
            </a>
          </td>
          <td>{count(pending, countedTo)}</td>
          <td>{count(running, countedTo)}</td>
          <td>{duration(oldest === null ? null : now - oldest)}</td>
        </tr>
      ))}
    </Table>
  )
}
