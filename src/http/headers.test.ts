import { describe, expect, it } from 'vitest'
import { accepts, idempotencyKey, noneMatch, preferredWait } from './headers.ts'

describe('accepts', () => {
  it.each([
    [null, true],
    ['', true],
    ['*/*', true],
    ['application/*', true],
    ['application/json', true],
    ['Application/JSON; charset=utf-8', true],
    ['text/html, application/json;q=0.1', true],
    ['text/html, */*;q=0.1', true],
    ['application/json;q=0', false],
    ['application/json;q=0, */*', false],
    ['*/*;q=0, application/json', true],
    ['application/*;q=0, */*', false],
    ['text/html', false],
    ['application/problem+json', false],
    ['nonsense', false],
  ])('%s → %s', (accept, expected) => {
    expect(accepts(accept, 'application/json')).toBe(expected)
  })
})

it.each([
  [null, null],
  ['wait=0', 0],
  ['wait=10', 10],
  ['wait = 10', 10],
  ['wait="10"', 10],
  ['wait=61', 60],
  ['wait=1e3', null],
  ['wait=99999999999999999999', 60],
  ['respond-async;wait=10', null],
  ['respond-async, wait=10;foo=bar', 10],
  ['wait=x, wait=3', null],
])('preferredWait(%s) → %s', (prefer, expected) => {
  expect(preferredWait(prefer)).toBe(expected)
})

it.each([
  ['k', 'k'],
  ['"k"', 'k'],
  ['"a\\"b"', 'a"b'],
  ['a"b', 'a"b'],
  [null, null],
])('idempotencyKey(%s) → %s', (header, expected) => {
  expect(idempotencyKey(header)).toBe(expected)
})

it.each(['', '""', '"', '"a', '"a"b', '"\\x"', 'é', 'a\tb', 'x'.repeat(256)])(
  'idempotencyKey(%s) is refused',
  (header) => {
    expect(() => idempotencyKey(header)).toThrow(expect.objectContaining({ code: 'invalid-idempotency-key' }))
  },
)

it('compares entity tags weakly', () => {
  expect(['W/"7"', '"7"', '*', ' W/"1" , "7"'].map((value) => noneMatch(value, 7))).toEqual([
    false,
    false,
    false,
    false,
  ])
  expect([null, '', '7', 'W/"70"', '"17"'].map((value) => noneMatch(value, 7))).toEqual([true, true, true, true, true])
})
