import type { RemoteCommit } from '../port.ts'

/** The payload of a NOTIFY must be shorter than 8,000 bytes. */
const maxBytes = 7_900

/** Encodes a commit as a NOTIFY payload: the sender's name, then the jobs, which are omitted if they do not fit. */
export function write(sender: string, { changed, waiting }: RemoteCommit): string {
  const text = JSON.stringify([waiting, changed.map(({ id, version }) => [id, version])])
  const fits = Buffer.byteLength(text) < maxBytes
  return `${sender} ${fits ? text : ''}`
}

/** Undefined if anything may have changed; null for the reader's own notification. */
export function parse(reader: string, payload: string): RemoteCommit | undefined | null {
  const space = payload.indexOf(' ')
  if (payload.slice(0, space) === reader) return null
  try {
    const [waiting, changed] = JSON.parse(payload.slice(space + 1)) as [RemoteCommit['waiting'], [string, number][]]
    return { waiting, changed: changed.map(([id, version]) => ({ id, version })) }
  } catch {
    return undefined
  }
}
