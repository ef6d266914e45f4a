import { post, type ScheduleRow, type SchedulesView } from './api.ts'
import { timeIn } from './format.ts'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { href, jobHref } from './location.ts'
import { report } from './notices.tsx'
import { Ago, Page, Table } from './page.tsx'
import { useReadOnly } from './session.ts'

export function SchedulesPage() {
  const live = useLive<SchedulesView>('schedules')
  return (
    <Page title={t('schedules')} live={live}>
      {({ items, now }) =>
        items.length === 0 ? (
          <p class="dim">{t('noSchedules')}</p>
        ) : (
          <>
            <p class="dim">{t('schedulesHelp')}</p>
            <Table
              label={t('schedules')}
              head={[
                t('schedule'),
                t('type'),
                t('owner'),
                t('cron'),
                t('missedTimes'),
                t('lastRun'),
                t('nextRuns'),
                t('action'),
              ]}
            >
              {items.map((one) => (
                <Row key={one.name} {...one} now={now} onDone={live.refresh} />
              ))}
            </Table>
          </>
        )
      }
    </Page>
  )
}

const missedLabels = { skip: 'missedSkip', latest: 'missedLatest', all: 'missedAll' } as const

function Row({ name, type, now, onDone, ...schedule }: ScheduleRow & { now: number; onDone(): void }) {
  const readOnly = useReadOnly()
  const { paused, lastRunAt, lastJobId, next } = schedule
  const act = (verb: 'pause' | 'resume' | 'run', label: string) =>
    report(label, post(`schedules/${encodeURIComponent(name)}/${verb}`), onDone)
  const change = t(paused ? 'resume' : 'pause')
  return (
    <tr>
      <td>
        {name} {paused && <span class="badge warn">{t('pausedType')}</span>}
        {schedule.declared && <div class="dim">{t('declared')}</div>}
      </td>
      <td>
        <a href={href('jobs', { type })}>{type}</a>
      </td>
      <td>
        <a href={href('jobs', { owner: schedule.owner })}>{schedule.owner}</a>
      </td>
      <td>
        <code>{schedule.cron}</code>
        <div class="dim">{schedule.timezone}</div>
      </td>
      <td>{t(missedLabels[schedule.missed])}</td>
      <td>
        {lastRunAt === null && <span class="dim">{t('never')}</span>}
        {lastRunAt !== null && lastJobId === null && <Ago at={lastRunAt} now={now} />}
        {lastRunAt !== null && lastJobId !== null && (
          <a data-row href={jobHref(lastJobId)}>
            <Ago at={lastRunAt} now={now} />
          </a>
        )}
      </td>
      <td>
        <ul class="plain">
          {next.map((at) => (
            <li key={at}>
              <time dateTime={new Date(at).toISOString()}>{timeIn(at, schedule.timezone)}</time>
            </li>
          ))}
        </ul>
      </td>
      <td>
        <button type="button" disabled={readOnly} onClick={() => act('run', t('runNow'))}>
          {t('runNow')}
        </button>{' '}
        <button type="button" disabled={readOnly} onClick={() => act(paused ? 'resume' : 'pause', change)}>
          {change}
        </button>
      </td>
    </tr>
  )
}
