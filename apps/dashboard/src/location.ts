import { useEffect, useState } from 'preact/hooks'

/** The page and its filters, from the fragment of the URL: `#/jobs?status=failed`. */
export interface Place {
  path: string[]
  query: URLSearchParams
}

const read = (): Place => {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2)
  return { path: path.split('/').map(decoded), query: new URLSearchParams(query) }
}

/** Somebody may have typed it. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

export function usePlace(): Place {
  const [place, setPlace] = useState(read)
  useEffect(() => {
    const changed = () => setPlace(read())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return place
}

export function href(path: string, query?: URLSearchParams | Record<string, string>): string {
  const text = new URLSearchParams(query).toString()
  return `#/${path}${text === '' ? '' : `?${text}`}`
}

export const go = (to: string): void => {
  location.hash = to
}

export const jobHref = (id: string) => href(`jobs/${encodeURIComponent(id)}`)
