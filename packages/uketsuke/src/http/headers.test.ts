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
    ['text/html;x="a, application/json"', false],
    ['text/html;x="a;q=0", application/json', true],
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
  ['wait=51', 50],
  ['wait=1e3', null],
  ['wait=99999999999999999999', 50],
  ['respond-async;wait=10', null],
  ['respond-async, wait=10;foo=bar', 10],
  ['wait=x, wait=3', null],
  ['foo="a, wait=5", wait=0', 0],
  ['foo="a; wait=5"', null],
  ['foo="\\", wait=5", wait=1', 1],
  ['foo;x="a, wait=5", wait=2', 2],
  ['wait=3;x="a,b", wait=2', 3],
  ['foo="a, wait=5', null],
  ['foo="\\"', null],
  ['WAIT=4', 4],
  ['\twait\t=\t4\t;x', 4],
  [', ,wait=4', 4],
])('preferredWait(%s) → %s', (prefer, expected) => {
  expect(preferredWait(prefer)).toBe(expected)
})

it.each([
  ['k', 'k'],
  ['"k"', 'k'],
  ['"a\\"b"', 'a"b'],
  ['a"b', 'a"b'],
  ['"k1";p=1', 'k1'],
  ['"k1";p', 'k1'],
  ['"k1"; p="a;\\"b"; *q=token/x;r=?1;s=:AQ==:;t=-1.5;u=@1700000000  ', 'k1'],
  ['"k1, k2"', 'k1, k2'],
  ['k1;p=1', 'k1;p=1'],
  [null, null],
])('idempotencyKey(%s) → %s', (header, expected) => {
  expect(idempotencyKey(header)).toBe(expected)
})

it('parses long fields in linear time', () => {
  const long = 200_000
  const fields = [`wait${' '.repeat(long)}x`, `wait=${' '.repeat(long)}x`, 'x="'.repeat(long), 'wait=;'.repeat(long)]
  const began = performance.now()
  for (const field of fields) expect(preferredWait(field)).toBeNull()
  for (const key of ['"a"'.padEnd(long, ';p'), `"a"${'; '.repeat(long)}`, `"${'\\'.repeat(long + 1)}`]) {
    expect(() => idempotencyKey(key)).toThrow()
  }
  expect(accepts(`text/html;x="${','.repeat(long)}", application/json`, 'application/json')).toBe(true)
  // Quadratic parsing takes minutes.
  expect(performance.now() - began).toBeLessThan(5_000)
})

it.each([
  'k1, k2',
  'k1,k1',
  '"k1", "k2"',
  '"k1" ;p=1',
  '"k1";P=1',
  '"k1";p=',
  '"k1"x',
  '"k1";',
  '""',
  '";p=1',
  '"";p=1',
  '',
  '"',
  '"a',
  '"a"b',
  '"\\x"',
  'é',
  'a\tb',
  'x'.repeat(256),
])('idempotencyKey(%s) throws', (header) => {
  expect(() => idempotencyKey(header)).toThrow(expect.objectContaining({ code: 'invalid-idempotency-key' }))
})

it('compares entity tags weakly', () => {
  expect(['W/"7"', '"7"', '*', ' W/"1" , "7"'].map((value) => noneMatch(value, 7))).toEqual([
    false,
    false,
    false,
    false,
  ])
  expect(noneMatch('W/"7-gzip"', 7)).toBe(false)
  expect(noneMatch('"a,7", "7;br"', 7)).toBe(false)
  expect(noneMatch('"a, "', 7)).toBe(true)
  expect([null, '', '7', 'W/"70"', '"17"'].map((value) => noneMatch(value, 7))).toEqual([true, true, true, true, true])
})
