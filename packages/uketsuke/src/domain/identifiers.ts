import { UketsukeError } from './errors.ts'

const longest = 255

/**
 * The one rule for owners, whichever way they come in. Half a character would become another one in the store, and two owners one; a NUL is
 * kept by no engine alike.
 * @throws `invalid-owner`
 */
export function checkOwner(owner: unknown): asserts owner is string {
  if (typeof owner !== 'string') refuse(`it must be text, not ${owner === null ? 'null' : typeof owner}`)
  if (owner.trim() === '') refuse('it must not be empty')
  if (owner.length > longest) refuse(`it must have at most ${longest} characters`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (!owner.isWellFormed() || /[\u0000-\u001f\u007f]/.test(owner)) {
    refuse('it must be well-formed Unicode without control characters')
  }
}

function refuse(why: string): never {
  throw new UketsukeError(
    'invalid-owner',
    `The owner is not valid: ${why}. A program that means the jobs of all owners says { owner: allOwners }.`,
  )
}

/** The one rule for idempotency keys, in a header and from the library alike. */
export const isKey = (key: unknown): key is string => typeof key === 'string' && /^[\x20-\x7e]{1,255}$/.test(key)

/** @throws `invalid-idempotency-key` */
export function checkKey(key: unknown): asserts key is string {
  if (isKey(key)) return
  throw new UketsukeError('invalid-idempotency-key', 'An idempotency key is 1 to 255 printable ASCII characters.')
}

/** The name of a job type. */
export const isTypeName = (name: unknown): name is string => typeof name === 'string' && /^[\w.:-]{1,128}$/.test(name)

/** A ULID. */
export const isJobId = (id: unknown): id is string => typeof id === 'string' && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)
