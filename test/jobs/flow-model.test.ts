import { expect, test } from 'vitest'
import { sqlite } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { followsTheModel } from './flow-model.ts'
import { tempFile } from './setup.ts'

test('in memory, handlers run exactly as limits, uniqueness, pauses and schedules say', async () => {
  await followsTheModel(async () => memory(), { runs: 12, withTime: true })
  expect.hasAssertions()
}, 120_000)

test('on SQLite, handlers run exactly as limits, uniqueness, pauses and schedules say', async () => {
  await followsTheModel(async () => sqlite(tempFile()), { runs: 1, withTime: true })
  expect.hasAssertions()
}, 120_000)
