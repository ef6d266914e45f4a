import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, test } from 'vitest'
import { batched } from '../../packages/uketsuke/src/store/batch-queue.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { sqliteRawTables } from '../../packages/uketsuke/src/store/sqlite/raw-tables.ts'
import { storeSuite } from '../../packages/uketsuke/src/testing/store-suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'uketsuke-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true }))

setFlagsFromString('--expose-gc')
/** Within one process, `@photostructure/sqlite` keeps a closed file, and the locks on it, until its statements are collected. */
const collect = runInNewContext('gc') as () => void

let files = 0
const file = () => join(folder, `${++files}.db`)

describe('sqlite, in a file', () => {
  storeSuite({
    test,
    open: async (clock) => sqlite(file())(clock),
    openTwice: async (clock) => {
      const path = file()
      return [sqlite(path)(clock), sqlite(path)(clock)]
    },
    openPersistent: async (clock) => {
      const path = file()
      return {
        store() {
          collect()
          return sqlite(path)(clock)
        },
        raw(how) {
          collect()
          return sqliteRawTables(path)(how)
        },
      }
    },
  })
})

describe('sqlite, in memory', () => {
  storeSuite({ test, open: async (clock) => sqlite(':memory:')(clock) })
})

describe('sqlite with group commit', () => {
  storeSuite({
    test,
    open: async (clock) => batched(sqlite(file())(clock)),
    openTwice: async (clock) => {
      const path = file()
      return [batched(sqlite(path)(clock)), batched(sqlite(path)(clock))]
    },
  })
})
