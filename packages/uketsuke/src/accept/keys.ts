import { isThenable } from '../base/thrown.ts'
import type { JobType } from '../definition/define.ts'
import type { Job } from '../domain/job.ts'
import { fingerprint } from './idempotency.ts'

/** The longest key that a type may return, in characters. */
const longestKey = 1_000

/** What the keys of a job are made of. */
interface Keyed {
  readonly name: string
  readonly owner: string
  /** JSON text. */
  readonly input: string
  /** The input after the schema's transforms. */
  readonly parsed: unknown
}

/** Hashes. A job whose type has no such keys has undefined and null. */
export interface Keys {
  /** At most one unfinished job has it. Jobs of two owners never have the same. */
  readonly uniqueKey: string | undefined
  /** Jobs with the same one share the limits of their type. */
  readonly limitKey: string | null
}

/** The keys of a new job. @throws {TypeError} if a function of the type returns no key */
export function keysOf({ unique, limits }: JobType, { name, owner, input, parsed }: Keyed): Keys {
  const textOf = (option: string, key: unknown): string => {
    if (typeof key === 'string' && key !== '' && key.length <= longestKey) return key
    throw new TypeError(`Job type "${name}": ${option} must return 1 to ${longestKey} characters.`)
  }
  const uniqueKey = () =>
    unique === 'input'
      ? fingerprint([name, owner, 'input', JSON.parse(input)])
      : fingerprint([name, owner, 'key', textOf('unique.key', unique?.({ input: parsed, owner }))])
  const limitKey = () =>
    limits?.key == null
      ? fingerprint([name, 'limits'])
      : fingerprint([name, 'limits', textOf('concurrency.key or rateLimit.key', limits.key({ input: parsed, owner }))])
  return {
    uniqueKey: unique === null ? undefined : uniqueKey(),
    limitKey: limits === null ? null : limitKey(),
  }
}

/** The same for a job that is created from a stored one. An input that its schema does not accept any more has no keys. */
export async function keysOfStored(
  type: JobType,
  { type: name, owner, input }: Pick<Job, 'type' | 'owner' | 'input'>,
): Promise<Keys> {
  if (type.unique === null && type.limits === null) return noKeys
  const checking = type.input['~standard'].validate(JSON.parse(input))
  const checked = isThenable(checking) ? await checking : checking
  return checked.issues ? noKeys : keysOf(type, { name, owner, input, parsed: checked.value })
}

export const noKeys: Keys = { uniqueKey: undefined, limitKey: null }
