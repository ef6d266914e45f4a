import { decodeTime, isValid } from 'ulid'
import { expect, test } from 'vitest'
import { ulids } from './ids.ts'

const at = (times: number[]) => ulids({ now: () => times.shift() ?? 2_000, after: () => () => {} })

test('ids are increasing ULIDs of the current time, across carries and a clock that is set back', () => {
  const next = at([1_000, 1_000, 2_000, 1_500])
  const ids = Array.from({ length: 5_000 }, next)
  expect(ids.every((id) => isValid(id) && id.length === 26)).toBe(true)
  expect(ids.slice(0, 5).map((id) => decodeTime(id))).toEqual([1_000, 1_000, 2_000, 2_000, 2_000])
  expect(ids.every((id, i) => i === 0 || id > (ids[i - 1] as string))).toBe(true)
})
