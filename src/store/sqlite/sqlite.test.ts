import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, test } from 'vitest'
import { storeSuite } from '../../testing/store-suite.ts'
import { groupCommit } from '../group-commit.ts'
import { sqliteArchive } from './archive.ts'
import { sqlite } from './index.ts'

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
    openKept: async (clock) => {
      const path = file()
      return {
        store() {
          collect()
          return sqlite(path)(clock)
        },
        archive(how) {
          collect()
          return sqliteArchive(path)(how)
        },
      }
    },
  })
})

describe('sqlite, in memory', () => {
  storeSuite({ test, open: async (clock) => sqlite(':memory:')(clock) })
})

describe('sqlite, behind group commit', () => {
  storeSuite({
    test,
    open: async (clock) => groupCommit(sqlite(file())(clock)),
    openTwice: async (clock) => {
      const path = file()
      return [groupCommit(sqlite(path)(clock)), groupCommit(sqlite(path)(clock))]
    },
  })
})
