import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { t } from './language.ts'

/** A modal dialog. The browser keeps the focus in it and closes it with Escape. */
export function Dialog(props: { title: string; onClose(): void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null
    ref.current?.showModal()
    return () => before?.focus()
  }, [])
  return (
    <dialog ref={ref} aria-labelledby="dialog-title" onClose={props.onClose}>
      <div class="row">
        <h2 id="dialog-title">{props.title}</h2>
        <button type="button" onClick={() => ref.current?.close()} aria-label={t('close')}>
          ×
        </button>
      </div>
      {props.children}
    </dialog>
  )
}
