import { useEffect, useState } from 'preact/hooks'
import { t } from './language.ts'

const events = new EventTarget()
const shownMs = 6_000

interface Notice {
  text: string
  visible: boolean
}

/** Shows a text for a while, and has screen readers read it. */
export const notify = (text: string) => send({ text, visible: true })
/** Has screen readers read a text that others can see. */
export const announce = (text: string) => send({ text, visible: false })
const send = (notice: Notice) => events.dispatchEvent(new CustomEvent('notice', { detail: notice }))

/** Says whether an action succeeded. */
export function report(action: string, asked: Promise<unknown>, onDone: () => void): void {
  asked
    .then(() => {
      notify(t('did', action))
      onDone()
    })
    .catch((error: Error) => notify(t('didNot', action, error.message)))
}

export function Notices() {
  const [notice, setNotice] = useState<Notice | null>(null)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const show = (event: Event) => {
      setNotice((event as CustomEvent<Notice>).detail)
      clearTimeout(timer)
      timer = setTimeout(() => setNotice(null), shownMs)
    }
    events.addEventListener('notice', show)
    return () => {
      events.removeEventListener('notice', show)
      clearTimeout(timer)
    }
  }, [])
  return (
    <div role="status" class={notice?.visible ? 'notice' : 'hidden'}>
      {notice?.text}
    </div>
  )
}
