import { expect, it } from 'vitest'
import { median } from '../../bench/src/clock.ts'

it.each([
  [[3], 3],
  [[9, 1, 5], 5],
  [[1, 3], 2],
  [[8, 2, 4, 1], 3],
])('the median of %j is %d', (values, middle) => {
  expect(median(values)).toBe(middle)
})
