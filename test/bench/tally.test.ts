import { expect, test } from 'vitest'
import { exactlyOnce, ran, Tally } from '../../bench/src/tally.ts'

const job = (n: number) => ({ n, at: 0, pad: '' })

function tallied(numbers: readonly number[]): Tally {
  const tally = new Tally()
  for (const n of numbers) tally.mark(job(n))
  return tally
}

test('a run counts where every job ran and ended once, whatever its number', () => {
  const numbers = [0, 1, 5, 1_000_000, -1, -2]
  expect(() => exactlyOnce(6, ran(tallied(numbers), { waiting: 0, ended: 6 }))).not.toThrow()
  expect(() => exactlyOnce(6, ran(tallied(numbers), { waiting: 0, ended: null }))).not.toThrow()
})

test.each([
  ['lost', [0, 2], { waiting: 0, ended: 3 }, '1 of 3 jobs never ran'],
  ['run twice', [0, 1, 1, 2], { waiting: 0, ended: 3 }, '1 runs too many'],
  ['not ended', [0, 1, 2], { waiting: 1, ended: 2 }, '1 have not ended; 2 are kept as completed, not 3'],
  ['ended without having run', [0, 1], { waiting: 0, ended: 3 }, '1 of 3 jobs never ran'],
])('no rate is told of a run with a job %s', (_, numbers, counts, sentence) => {
  expect(() => exactlyOnce(3, ran(tallied(numbers), counts))).toThrow(sentence)
})

test('waiting for a number of runs', async () => {
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
