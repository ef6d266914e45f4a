import { expect, it } from 'vitest'
import { exponential } from './backoff.ts'
import { integerOption } from './numbers.ts'

const bounds = { min: 0, max: 1_000, of: 'milliseconds' }

it.each([
  [undefined, 7],
  [0, 0],
  [-0, 0],
  [1_000, 1_000],
])('accepts %o', (value, taken) => expect(integerOption('it', value, 7, bounds)).toBe(taken))

it.each([
  [null, 'null'],
  [Number.NaN, 'NaN'],
  [Infinity, 'Infinity'],
  [-Infinity, '-Infinity'],
  [-1, '-1'],
  [1_001, '1001'],
  [0.5, '0.5'],
  ['1', 'a string'],
  [1n, 'a bigint'],
  [true, 'a boolean'],
  [{ valueOf: () => 1 }, 'a object'],
])('rejects %o', (value, shown) => {
  const message = `it must be a whole number of milliseconds from 0 to 1,000, not ${shown}.`
  expect(() => integerOption('it', value, 7, bounds)).toThrow(
    expect.objectContaining({ code: 'invalid-configuration', message }),
  )
})

it('omits the unit if there is none', () => {
  expect(() => integerOption('it', 9, 7, { min: 1, max: 2 })).toThrow('it must be a whole number from 1 to 2, not 9.')
})

it('the backoff stays finite for any number of attempts', () => {
  for (const attempt of [1, 51, 1_025, 1_000_000]) {
    expect(exponential({ base: 0, max: 1_000 }, attempt, 0.5)).toBe(0)
    expect(exponential({ base: 1_000, max: 2_000 }, attempt, 1)).toBeLessThanOrEqual(2_000)
  }
})
