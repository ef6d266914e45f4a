import type { ErrorsView } from './api.ts'
import { count } from './format.ts'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { href, jobHref } from './location.ts'
import { Ago, Page, Table } from './page.tsx'

/** Errors of the same cause together, those seen last first. */
export function ErrorsPage() {
  const live = useLive<ErrorsView>('errors')
  const head = [t('message'), t('type'), t('code'), t('times'), t('firstSeen'), t('lastSeen'), t('lastJob')]
  return (
    <Page title={t('errors')} live={live}>
      {({ items, now }) =>
        items.length === 0 ? (
          <p class="dim">{t('nothing')}</p>
        ) : (
          <Table label={t('errors')} head={head}>
            {items.map((one) => (
              <tr key={one.id}>
                <td class="message">{one.message}</td>
                <td>
                  <a href={href('jobs', { type: one.type, status: 'failed' })}>{one.type}</a>
                </td>
                <td>{one.code}</td>
                <td>{count(one.count)}</td>
                <td>
                  <Ago at={one.firstSeen} now={now} />
                </td>
                <td>
                  <Ago at={one.lastSeen} now={now} />
                </td>
                <td>
                  <a data-row class="mono" href={jobHref(one.jobId)}>
                    {one.jobId}
                  </a>
                </td>
              </tr>
            ))}
          </Table>
        )
      }
    </Page>
  )
}
