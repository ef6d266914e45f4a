import { expect, test } from 'vitest'
import { exactlyOnce, runCounts, Tally } from '../../bench/src/tally.ts'

const job = (n: number) => ({ n, at: 0, pad: '' })

function tallied(numbers: readonly number[]): Tally {
  const tally = new Tally()
  for (const n of numbers) tally.mark(job(n))
  return tally
}

test('a run is valid if every job ran and finished once, including negative numbers', () => {
  const numbers = [0, 1, 5, 1_000_000, -1, -2]
  expect(() => exactlyOnce(6, runCounts(tallied(numbers), { unfinished: 0, completed: 6 }))).not.toThrow()
  expect(() => exactlyOnce(6, runCounts(tallied(numbers), { unfinished: 0, completed: null }))).not.toThrow()
})

test.each([
  ['lost', [0, 2], { unfinished: 0, completed: 3 }, '1 of 3 jobs never ran'],
  ['run twice', [0, 1, 1, 2], { unfinished: 0, completed: 3 }, 'duplicate runs: 1'],
  ['not finished', [0, 1, 2], { unfinished: 1, completed: 2 }, 'unfinished jobs: 1; completed jobs: 2, expected 3'],
  ['completed without a run', [0, 1], { unfinished: 0, completed: 3 }, '1 of 3 jobs never ran'],
])('a run with a job %s is rejected', (_, numbers, counts, message) => {
  expect(() => exactlyOnce(3, runCounts(tallied(numbers), counts))).toThrow(message)
})

test('reaches resolves after the given number of runs', async () => {
  const tally = tallied([0])
  await tally.reaches(1)
  let reached = false
  const later = tally.reaches(3).then(() => {
    reached = true
  })
  tally.mark(job(1))
  await Promise.resolve()
  expect(reached).toBe(false)
  tally.mark(job(2))
  await later
})
