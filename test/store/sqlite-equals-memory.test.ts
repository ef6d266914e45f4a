import { test } from 'vitest'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { equalsMemory } from './equals-memory.ts'

test('behaves like the reference store for random operations', () =>
  equalsMemory(async (clock) => sqlite(':memory:')(clock), 150))
