import { useState } from 'preact/hooks'
import { pages } from './app.tsx'
import { Dialog } from './dialog.tsx'
import { t } from './language.ts'
import { go, href, jobHref } from './location.ts'

const isJobId = (text: string) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i.test(text)

/** Goes to a job by its id, to a page by its name, or to a search. */
export function JumpDialog({ onClose }: { onClose(): void }) {
  const [text, setText] = useState('')
  const wanted = text.trim()
  const found = pages.filter((page) => t(page).toLowerCase().includes(wanted.toLowerCase()))
  const open = (to: string) => {
    onClose()
    go(to)
  }
  const submit = (event: Event) => {
    event.preventDefault()
    if (isJobId(wanted)) open(jobHref(wanted.toUpperCase()))
    else if (found[0] !== undefined) open(href(found[0]))
    else if (wanted !== '') open(href('jobs', { id: wanted }))
  }
  return (
    <Dialog title={t('jump')} onClose={onClose}>
      <form onSubmit={submit}>
        <input
          autofocus
          class="wide"
          aria-label={t('jumpHint')}
          placeholder={t('jumpHint')}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </form>
      <ul class="plain">
        {(isJobId(wanted) ? [] : found).map((page) => (
          <li key={page}>
            <a href={href(page)} onClick={onClose}>
              {t(page)}
            </a>
          </li>
        ))}
        {isJobId(wanted) && (
          <li>
            <a href={jobHref(wanted.toUpperCase())} onClick={onClose}>
              {t('job')} {wanted.toUpperCase()}
            </a>
          </li>
        )}
      </ul>
    </Dialog>
  )
}
