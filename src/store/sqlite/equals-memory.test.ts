import { test } from 'vitest'
import { equalsMemory } from '../../../test/store/equals-memory.ts'
import { sqlite } from './index.ts'

test('does what the reference store does, whatever is asked of it', () =>
  equalsMemory(async (clock) => sqlite(':memory:')(clock), 150))
