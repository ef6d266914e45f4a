import { describe, test } from 'vitest'
import { storeSuite } from '../testing/store-suite.ts'
import { memory } from './memory.ts'

describe('memory', () => {
  storeSuite({ test, open: async (clock) => memory()(clock) })
})
