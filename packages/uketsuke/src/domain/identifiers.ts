import { UketsukeError } from './errors.ts'

const longest = 255

/**
 * The only rule for owners, for every entry point. A lone surrogate would be replaced in the store, which could merge
 * two owners into one; NUL is handled differently by each engine.
 * @throws {UketsukeError} `invalid-owner`
 */
export function checkOwner(owner: unknown): asserts owner is string {
  if (typeof owner !== 'string') refuse(`it must be a string, not ${owner === null ? 'null' : typeof owner}`)
  if (owner.trim() === '') refuse('it must not be empty')
  if (owner.length > longest) refuse(`it must have at most ${longest} characters`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are rejected.
  if (!owner.isWellFormed() || /[\u0000-\u001f\u007f]/.test(owner)) {
    refuse('it must be well-formed Unicode without control characters')
  }
}

function refuse(why: string): never {
  throw new UketsukeError(
    'invalid-owner',
    `Invalid owner: ${why}. To access the jobs of all owners, pass { owner: allOwners }.`,
  )
}

/** The only rule for idempotency keys, from the HTTP header and from the library. */
export const isKey = (key: unknown): key is string => typeof key === 'string' && /^[\x20-\x7e]{1,255}$/.test(key)

/** @throws {UketsukeError} `invalid-idempotency-key` */
export function checkKey(key: unknown): asserts key is string {
  if (isKey(key)) return
  throw new UketsukeError('invalid-idempotency-key', 'An idempotency key must be 1 to 255 printable ASCII characters.')
}

/** Whether this is a valid job type name. */
export const isTypeName = (name: unknown): name is string => typeof name === 'string' && /^[\w.:-]{1,128}$/.test(name)

/** Whether this is a job id: a ULID. */
export const isJobId = (id: unknown): id is string => typeof id === 'string' && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)
