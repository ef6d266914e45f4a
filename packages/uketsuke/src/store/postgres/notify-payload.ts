import type { RemoteCommit } from '../port.ts'

/** NOTIFY takes less than 8,000 bytes. */
const most = 7_900

/** A commit as the payload of a NOTIFY, after the name of the store that sends it: of too many jobs only that there were some. */
export function write(sender: string, { changed, waiting }: RemoteCommit): string {
  const text = JSON.stringify([waiting, changed.map(({ id, version }) => [id, version])])
  const fits = Buffer.byteLength(text) < most
  return `${sender} ${fits ? text : ''}`
}

/** Undefined where anything may have changed; null where it is the reader's own. */
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
