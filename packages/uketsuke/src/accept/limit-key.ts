import { isThenable } from '../base/thrown.ts'
import type { JobType } from '../definition/define.ts'
import type { Job } from '../domain/job.ts'
import { fingerprint } from './idempotency.ts'
import type { Keyed } from './uniqueness.ts'

/** The longest key that a type may return, in characters. */
const longestKey = 1_000

/** The key that a new job shares the limits of its type by, as a hash. Null if the type has none. */
export function limitKeyOf({ limits }: JobType, { name, owner, parsed }: Omit<Keyed, 'input'>): string | null {
  if (limits === null) return null
  if (limits.key === null) return fingerprint([name, 'limits'])
  const key: unknown = limits.key({ input: parsed, owner })
  if (typeof key === 'string' && key !== '' && key.length <= longestKey) return fingerprint([name, 'limits', key])
  throw new TypeError(`Job type "${name}": the key of its limits must return 1 to ${longestKey} characters.`)
}

/** The same for a job that is created from a stored one. An input that its schema does not accept any more has no key. */
export async function limitKeyOfStored(type: JobType, { type: name, owner, input }: Job): Promise<string | null> {
  if (type.limits === null || type.limits.key === null) return limitKeyOf(type, { name, owner, parsed: null })
  const checking = type.input['~standard'].validate(JSON.parse(input))
  const checked = isThenable(checking) ? await checking : checking
  return checked.issues ? null : limitKeyOf(type, { name, owner, parsed: checked.value })
}
