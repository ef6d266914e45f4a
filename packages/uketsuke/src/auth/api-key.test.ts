import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { hashOf, isApiKey, matches, newApiKey, parseApiKey } from './api-key.ts'

it('parses what it creates, and every key is another', () => {
  const made = Array.from({ length: 100 }, newApiKey)
  for (const { id, secret, key } of made) {
    expect(key).toMatch(/^uk_[0-9a-hjkmnp-tv-z]{16}_[0-9a-f]{64}_[0-9a-f]{8}$/)
    expect(key.split('_')).toHaveLength(4)
    expect(parseApiKey(key)).toEqual({ id, secret })
    expect(isApiKey(key)).toBe(true)
  }
  expect(new Set(made.map(({ id }) => id)).size).toBe(100)
  expect(new Set(made.map(({ secret }) => secret)).size).toBe(100)
})

it('rejects every key with one character changed, removed, added or swapped with the next', () => {
  const { key } = newApiKey()
  for (let at = 0; at < key.length; at++) {
    const [before, one = '', after] = [key.slice(0, at), key[at], key.slice(at + 1)]
    const other = one === '0' ? '1' : '0'
    const next = after[0] ?? ''
    expect(parseApiKey(before + other + after), `changed at ${at}`).toBeNull()
    expect(parseApiKey(before + after), `removed at ${at}`).toBeNull()
    expect(parseApiKey(`${before}${one}${other}${after}`), `added at ${at}`).toBeNull()
    if (next !== '' && next !== one)
      expect(parseApiKey(before + next + one + after.slice(1)), `swapped at ${at}`).toBeNull()
  }
})

it.each(['', 'uk', 'uk_', 'uk___', 'uk_a_b_c', 'whsec_x', 'undefined'])('rejects %o', (text) => {
  expect(parseApiKey(text)).toBeNull()
})

it('rejects white space around a key, a line break included', () => {
  const { key } = newApiKey()
  for (const text of [` ${key}`, `${key} `, `${key}\n`, `\n${key}`]) expect(parseApiKey(text)).toBeNull()
})

it('hashes a secret with SHA-256, and matches that hash alone', () => {
  const { secret } = newApiKey()
  const stored = hashOf(secret)
  expect(stored).toBe(createHash('sha256').update(secret).digest('hex'))
  expect(matches(secret, stored)).toBe(true)
  expect(matches(newApiKey().secret, stored)).toBe(false)
})

it.each([
  ['an unknown id', null],
  ['an empty hash', ''],
  ['a hash that is not hexadecimal', 'z'.repeat(64)],
  ['a truncated hash', 'a'.repeat(62)],
  ['the placeholder of an unknown id', '0'.repeat(64)],
])('matches no secret with %s', (_, stored) => {
  expect(matches(newApiKey().secret, stored)).toBe(false)
  expect(matches('', stored)).toBe(false)
})
