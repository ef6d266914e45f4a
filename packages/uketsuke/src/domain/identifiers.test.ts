import { describe, expect, it } from 'vitest'
import { checkKey, checkOwner, isJobId, isKey, isTypeName } from './identifiers.ts'

describe('checkOwner', () => {
  it.each([['ann'], ['O’Brien, 漢字 🚀'], ['x'.repeat(255)], ['a b']])('accepts %s', (owner) => {
    expect(() => checkOwner(owner)).not.toThrow()
  })
  it.each([
    [undefined, 'not undefined'],
    [null, 'not null'],
    [7, 'not number'],
    ['', 'must not be empty'],
    [' \t', 'must not be empty'],
    ['x'.repeat(256), 'at most 255'],
    ['\ud800', 'well-formed'],
    ['a\u0000', 'control characters'],
    ['a\u007f', 'control characters'],
  ])('rejects %o', (owner, part) => {
    const refused = expect.objectContaining({ code: 'invalid-owner', message: expect.stringContaining(part) })
    expect(() => checkOwner(owner)).toThrow(refused)
  })
})

describe('keys, types and ids', () => {
  it('accepts 1 to 255 printable ASCII characters as a key', () => {
    for (const key of ['a', ' ', '~', 'x'.repeat(255)]) expect(() => checkKey(key)).not.toThrow()
    for (const key of ['', 'é', '\n', 'x'.repeat(256), 7, null]) {
      expect(isKey(key)).toBe(false)
      expect(() => checkKey(key)).toThrow(expect.objectContaining({ code: 'invalid-idempotency-key' }))
    }
  })
  it('knows job type names', () => {
    expect(['report', 'a.b:c-d_1', 'x'.repeat(128)].map(isTypeName)).toEqual([true, true, true])
    expect(['', 'a b', 'é', 'x'.repeat(129), null].map(isTypeName)).not.toContain(true)
  })
  it('knows ULIDs', () => {
    const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
    expect(isJobId(id)).toBe(true)
    for (const bad of [id.toLowerCase(), `8${id.slice(1)}`, id.slice(1), `${id}0`, id.replace('A', 'I'), null])
      expect(isJobId(bad)).toBe(false)
  })
})
