import { useEffect, useState } from 'preact/hooks'
import { type ApiError, get, type LiveView, liveUrl } from './api.ts'

export interface Live<T> {
  data: T | null
  error: ApiError | null
  /** How often the page is updated, in milliseconds, while changes come faster than one can read. */
  slowedTo: number | null
  /** Reads at once, after a change. */
  refresh(): void
}

/** No event for so long: something between here and the server holds events back, so the page asks instead. Milliseconds. */
const patience = 4_000
const pollMs = 3_000

/** What a path of the API gives, as it changes. Nothing is read while the tab is hidden. */
export function useLive<T>(path: string): Live<T> {
  const [state, setState] = useState<{ of: string; data: T | null; error: ApiError | null; slowedTo: number | null }>({
    of: path,
    data: null,
    error: null,
    slowedTo: null,
  })
  const [asked, setAsked] = useState(0)

  useEffect(() => {
    let source: EventSource | null = null
    let timer: ReturnType<typeof setTimeout> | undefined
    const left = new AbortController()
    const show = (data: T, slowedTo: number | null) => setState({ of: path, data, error: null, slowedTo })
    const fail = (error: ApiError) => setState((now) => ({ ...now, of: path, error }))

    const later = (fn: () => void, ms: number) => {
      clearTimeout(timer)
      timer = setTimeout(fn, ms)
    }
    const poll = () => {
      get<T>(path, left.signal)
        .then((data) => {
          show(data, null)
          later(poll, pollMs)
        })
        .catch((error: ApiError) => {
          if (left.signal.aborted) return
          fail(error)
          // A refusal lasts; an outage may be over soon.
          later(open, error.status >= 400 && error.status < 500 ? 30_000 : pollMs)
        })
    }
    const open = () => {
      close()
      source = new EventSource(liveUrl(path))
      later(() => {
        close()
        poll()
      }, patience)
      source.onmessage = (event) => {
        clearTimeout(timer)
        const { data, slowedTo } = JSON.parse(event.data as string) as LiveView<T>
        show(data, slowedTo)
      }
      source.onerror = () => {
        if (source?.readyState !== EventSource.CLOSED) return
        close()
        // The stream does not say why.
        poll()
      }
    }
    const close = () => {
      clearTimeout(timer)
      source?.close()
      source = null
    }
    const visible = () => (document.hidden ? close() : open())
    document.addEventListener('visibilitychange', visible)
    visible()
    return () => {
      document.removeEventListener('visibilitychange', visible)
      left.abort()
      close()
    }
  }, [path, asked])

  const current = state.of === path
  return {
    // The rows of another filter must not be shown under this one.
    data: current ? state.data : null,
    error: current ? state.error : null,
    slowedTo: current ? state.slowedTo : null,
    refresh: () => setAsked((n) => n + 1),
  }
}
