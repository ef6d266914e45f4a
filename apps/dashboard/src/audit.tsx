import type { AuditView } from './api.ts'
import { t } from './language.ts'
import { useLive } from './live.ts'
import { Ago, Page, Table } from './page.tsx'

/** What operators have changed, newest first. */
export function AuditPage() {
  const live = useLive<AuditView>('audit')
  return (
    <Page title={t('audit')} live={live}>
      {({ items, now }) =>
        items.length === 0 ? (
          <p class="dim">{t('nothing')}</p>
        ) : (
          <Table label={t('audit')} head={[t('when'), t('actor'), t('action'), t('target'), t('detail')]}>
            {items.map((one, i) => (
              <tr key={i}>
                <td>
                  <Ago at={one.at} now={now} />
                </td>
                <td>{one.actor || '–'}</td>
                <td>{one.action}</td>
                <td class="mono">{one.target}</td>
                <td>{one.detail}</td>
              </tr>
            ))}
          </Table>
        )
      }
    </Page>
  )
}
