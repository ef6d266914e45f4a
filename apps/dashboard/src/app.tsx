import { useEffect, useRef, useState } from 'preact/hooks'
import { get, type SessionView } from './api.ts'
import { AuditPage } from './audit.tsx'
import { ErrorsPage } from './errors.tsx'
import { JobPage } from './job.tsx'
import { JobsPage } from './jobs.tsx'
import { JumpDialog } from './jump.tsx'
import { type Key, switchLanguage, t } from './language.ts'
import { go, href, type Place, usePlace } from './location.ts'
import { Notices } from './notices.tsx'
import { OverviewPage } from './overview.tsx'
import { SchedulesPage } from './schedules.tsx'
import { SessionContext } from './session.ts'
import { ShortcutsDialog, useShortcuts } from './shortcuts.tsx'
import { switchTheme } from './theme.ts'
import { TypesPage } from './types.tsx'
import { WebhooksPage } from './webhooks.tsx'
import { WorkersPage } from './workers.tsx'

export const pages = [
  'overview',
  'jobs',
  'types',
  'schedules',
  'workers',
  'webhooks',
  'errors',
  'audit',
] as const satisfies Key[]

export function App() {
  const place = usePlace()
  const [session, setSession] = useState<SessionView | null>(null)
  const [dialog, setDialog] = useState<'jump' | 'help' | null>(null)
  const [, setLanguage] = useState(0)
  /** Whether the next page is opened for its search box. */
  const searching = useRef(false)
  const [name = ''] = place.path
  const here = name === '' ? 'overview' : name

  useEffect(() => {
    get<SessionView>('session').then(setSession, () => {})
  }, [])
  useEffect(() => {
    document.title = `${title(here, place)} – ${t('jobs')}`
    // A screen reader goes on from the new page's heading, not from the link that is gone.
    const first = searching.current ? document.getElementById('search') : document.querySelector<HTMLElement>('h1')
    searching.current = false
    first?.focus()
  }, [here, place.path[1]])
  useShortcuts({
    jump: () => setDialog('jump'),
    help: () => setDialog('help'),
    page: (n) => pages[n] !== undefined && go(href(pages[n])),
    search() {
      const box = document.getElementById('search')
      if (box !== null) return box.focus()
      searching.current = true
      go(href('jobs'))
    },
  })

  return (
    <SessionContext.Provider value={session}>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        {t('skip')}
      </button>
      <header>
        <strong class="brand">Uketsuke</strong>
        <nav aria-label={t('mainNavigation')}>
          {pages.map((page) => (
            <a key={page} href={href(page)} aria-current={page === here ? 'page' : undefined}>
              {t(page)}
            </a>
          ))}
        </nav>
        <div class="tools">
          {session?.readOnly && <span class="badge">{t('readOnly')}</span>}
          <button
            type="button"
            onClick={() => setDialog('jump')}
            title={`${t('jump')} (⌘K)`}
            aria-label={`⌘K ${t('jump')}`}
          >
            ⌘K
          </button>
          <button type="button" onClick={() => setDialog('help')} title={t('help')} aria-label={t('help')}>
            ?
          </button>
          <button type="button" onClick={switchTheme} title={t('theme')} aria-label={t('theme')}>
            ◐
          </button>
          <button
            type="button"
            aria-label={t('languageLabel')}
            onClick={() => {
              switchLanguage()
              setLanguage((n) => n + 1)
            }}
          >
            {t('language')}
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Page place={place} here={here} />
      </main>
      <Notices />
      {dialog === 'jump' && <JumpDialog onClose={() => setDialog(null)} />}
      {dialog === 'help' && <ShortcutsDialog onClose={() => setDialog(null)} />}
    </SessionContext.Provider>
  )
}

function Page({ place, here }: { place: Place; here: string }) {
  const id = place.path[1]
  if (here === 'overview') return <OverviewPage query={place.query} />
  if (here === 'jobs') return id === undefined ? <JobsPage query={place.query} /> : <JobPage key={id} id={id} />
  if (here === 'types') return <TypesPage />
  if (here === 'schedules') return <SchedulesPage />
  if (here === 'workers') return <WorkersPage />
  if (here === 'webhooks') return <WebhooksPage />
  if (here === 'errors') return <ErrorsPage />
  if (here === 'audit') return <AuditPage />
  return <p>{t('notFound')}</p>
}

function title(here: string, { path }: Place): string {
  if (here === 'jobs' && path[1] !== undefined) return `${t('job')} ${path[1]}`
  const page = pages.find((one) => one === here)
  return page === undefined ? t('notFound') : t(page)
}
