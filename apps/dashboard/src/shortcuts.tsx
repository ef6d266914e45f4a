import { useEffect, useRef } from 'preact/hooks'
import { Dialog } from './dialog.tsx'
import { type Key, t } from './language.ts'

interface Actions {
  jump(): void
  help(): void
  search(): void
  page(n: number): void
}

export function useShortcuts(actions: Actions): void {
  const latest = useRef(actions)
  latest.current = actions
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { key } = event
      if ((event.metaKey || event.ctrlKey) && key.toLowerCase() === 'k') {
        event.preventDefault()
        latest.current.jump()
        return
      }
      const target = event.target as HTMLElement
      const typing = target.matches('input, select, textarea, [contenteditable]') || target.closest('dialog') !== null
      if (typing || event.metaKey || event.ctrlKey || event.altKey) return
      if (key === '/') latest.current.search()
      else if (key === '?') latest.current.help()
      else if (key === 'j' || key === 'k') moveRow(key === 'j' ? 1 : -1)
      else if (/^[1-9]$/.test(key)) latest.current.page(Number(key) - 1)
      else return
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
}

/** Moves the focus to the link of the next or previous row. */
function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next = at === -1 ? (step === 1 ? 0 : rows.length - 1) : at + step
  rows[next]?.focus()
  rows[next]?.scrollIntoView({ block: 'nearest' })
}

const keys: [string, Key][] = [
  ['/', 'keySearch'],
  ['j  k', 'keyMove'],
  ['Enter', 'keyOpen'],
  ['1 … 8', 'keyPages'],
  ['⌘K  Ctrl+K', 'keyJump'],
  ['?', 'keyHelp'],
]

export function ShortcutsDialog({ onClose }: { onClose(): void }) {
  return (
    <Dialog title={t('help')} onClose={onClose}>
      <dl class="keys">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
