import { useRef, useState } from 'preact/hooks'
import { type BulkView, type CountView, get, post } from './api.ts'
import { Dialog } from './dialog.tsx'
import { count } from './format.ts'
import { t } from './language.ts'
import { notify } from './notices.tsx'
import { useReadOnly } from './session.ts'

const actions = ['retry', 'cancel', 'delete'] as const
type Action = (typeof actions)[number]
const titles = { retry: 'retryAll', cancel: 'cancelAll', delete: 'deleteAll' } as const

/** Acts on every job of the filter, not only on those that are shown. */
export function BulkActions({ filter, onDone }: { filter: URLSearchParams; onDone(): void }) {
  const readOnly = useReadOnly()
  const [action, setAction] = useState<Action | null>(null)
  return (
    <div class="row">
      {actions.map((one) => (
        <button key={one} type="button" disabled={readOnly} onClick={() => setAction(one)}>
          {t(titles[one])}
        </button>
      ))}
      {action !== null && (
        <BulkDialog
          action={action}
          filter={filter}
          onClose={() => {
            setAction(null)
            onDone()
          }}
        />
      )}
    </div>
  )
}

function BulkDialog({ action, filter, onClose }: { action: Action; filter: URLSearchParams; onClose(): void }) {
  const [counted, setCounted] = useState<CountView | null>(null)
  const [progress, setProgress] = useState<{ done: number; skipped: number } | null>(null)
  const stopped = useRef(false)
  const asked = useRef(false)
  if (!asked.current) {
    asked.current = true
    get<CountView>(`jobs/count?${filter}`).then(setCounted, failed)
  }

  function failed(error: Error): void {
    notify(t('didNot', t(titles[action]), error.message))
    onClose()
  }

  async function run({ until }: CountView): Promise<void> {
    const operation = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`
    let [done, skipped, cursor]: [number, number, string | null] = [0, 0, null]
    setProgress({ done, skipped })
    do {
      const body = { filter: filter.toString(), operation, until, cursor }
      const batch: BulkView = await post<BulkView>(`bulk/${action}`, body)
      done += batch.done
      skipped += batch.skipped
      cursor = batch.next
      setProgress({ done, skipped })
    } while (cursor !== null && !stopped.current)
    notify(t('doneMany', count(done), count(skipped)))
    onClose()
  }

  const close = () => {
    stopped.current = true
    onClose()
  }
  return (
    <Dialog title={t(titles[action])} onClose={close}>
      <p aria-live="polite">
        {counted === null && t('counting')}
        {counted !== null && progress === null && t('confirmMany', count(counted.count) + (counted.more ? '+' : ''))}
        {progress !== null && t('progressMany', count(progress.done), count(progress.skipped))}
      </p>
      <p class="mono dim">{filter.toString() || t('all')}</p>
      <div class="row">
        {counted !== null && progress === null && (
          <button type="button" class="danger" onClick={() => run(counted).catch(failed)}>
            {t('confirm')}
          </button>
        )}
        <button type="button" onClick={close}>
          {t(progress === null ? 'keep' : 'stop')}
        </button>
      </div>
    </Dialog>
  )
}
