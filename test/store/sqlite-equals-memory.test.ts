import { test } from 'vitest'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { equalsMemory } from './equals-memory.ts'

test('does what the reference store does, whatever is asked of it', () =>
  equalsMemory(async (clock) => sqlite(':memory:')(clock), 150))
