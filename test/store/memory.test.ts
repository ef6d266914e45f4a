import { describe, test } from 'vitest'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { storeSuite } from '../../packages/uketsuke/src/testing/store-suite.ts'

describe('memory', () => {
  storeSuite({ test, open: async (clock) => memory()(clock) })
})
