import { seal, unseal } from '../../base/seal.ts'
import type { Job, Queue } from '../../domain/job.ts'
import { jobColumns } from '../columns.ts'
import type { RemoteCommit } from '../port.ts'

/** What other processes hear of. */
export interface News {
  readonly changed: readonly Job[]
  readonly waiting: readonly Queue[]
}

/** The payload of a NOTIFY must be shorter than 8,000 bytes. */
const maxBytes = 7_900
/** The states of more jobs are not sent: sealing them would cost more than the readers save. */
const mostStates = 4
/** A process of another version, with other columns, does not open the states and reads the jobs. */
const columns = jobColumns.map(({ name }) => name).join()

/** Whether the jobs may be sent along. Long ones are not even serialized. */
export function hasStates({ changed }: News): boolean {
  if (changed.length === 0 || changed.length > mostStates) return false
  return changed.reduce((sum, { input, output }) => sum + input.length + (output?.length ?? 0), 0) < maxBytes
}

/**
 * Encodes a commit as a NOTIFY payload: the sender's name, the versions of the jobs, and the jobs themselves if they are few. What does not
 * fit is omitted. Any role of the database may listen on the channel and send to it, so the jobs are sealed.
 */
export function write(sender: string, news: News, key: Buffer | null): string {
  const { changed, waiting } = news
  const versions = [waiting, changed.map(({ id, version }) => [id, version])]
  const states = key !== null && hasStates(news) ? [seal(key, JSON.stringify(changed), columns)] : []
  const fitting = [[...versions, ...states], versions].map((one) => JSON.stringify(one))
  return `${sender} ${fitting.find((text) => Buffer.byteLength(text) < maxBytes) ?? ''}`
}

/** Undefined if anything may have changed; null for the reader's own notification. */
export function parse(reader: string, payload: string, key: Buffer | null): RemoteCommit | undefined | null {
  const space = payload.indexOf(' ')
  if (payload.slice(0, space) === reader) return null
  try {
    const [waiting, versions, sealed] = JSON.parse(payload.slice(space + 1)) as Payload
    const states = sealed === undefined || key === null ? null : unseal(key, sealed, columns)
    const changed = versions.map(([id, version]) => ({ id, version }))
    return { waiting, changed, ...(states !== null && { states: JSON.parse(states) as Job[] }) }
  } catch {
    return undefined
  }
}

type Payload = [waiting: RemoteCommit['waiting'], versions: [id: string, version: number][], states?: string]
