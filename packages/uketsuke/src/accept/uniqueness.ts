import { isThenable } from '../base/thrown.ts'
import type { JobType } from '../definition/define.ts'
import type { Job } from '../domain/job.ts'
import { fingerprint } from './idempotency.ts'

/** The longest key that a type may return, in characters. */
const longestKey = 1_000

/** What the keys of a job are made of. */
export interface Keyed {
  readonly name: string
  readonly owner: string
  /** JSON text. */
  readonly input: string
  /** The input after the schema's transforms. */
  readonly parsed: unknown
}

/** The unique key of a new job as a hash, or undefined if its type has none. Jobs of two owners never have the same. */
export function uniqueKeyOf({ unique }: JobType, { name, owner, input, parsed }: Keyed): string | undefined {
  if (unique === null) return undefined
  if (unique === 'input') return fingerprint([name, owner, 'input', JSON.parse(input)])
  const key: unknown = unique({ input: parsed, owner })
  if (typeof key === 'string' && key !== '' && key.length <= longestKey) return fingerprint([name, owner, 'key', key])
  throw new TypeError(`Job type "${name}": unique.key must return 1 to ${longestKey} characters.`)
}

/** The same for a job that is created from a stored one. An input that its schema does not accept any more has no key. */
export async function uniqueKeyOfStored(type: JobType, { type: name, owner, input }: Job): Promise<string | undefined> {
  if (type.unique === null) return undefined
  const checking = type.input['~standard'].validate(JSON.parse(input))
  const checked = isThenable(checking) ? await checking : checking
  return checked.issues ? undefined : uniqueKeyOf(type, { name, owner, input, parsed: checked.value })
}
