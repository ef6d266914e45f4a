import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import { silentLog } from '../../packages/uketsuke/src/base/log.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { endAll, folder, Program } from './support.ts'

afterEach(endAll)
let here = ''
beforeEach(() => {
  here = folder()
})

/** Starts a process that cannot use `file`, checks its error and exit code 2, and returns the message. */
async function refusal(file: string, uid?: number): Promise<string> {
  const started = new Program({ file, api: true, work: {}, ...(uid !== undefined && { uid }) })
  const { code, message } = await started.reported('unusable')
  expect(await started.ended()).toBe(2)
  expect(code).toBe('store-unusable')
  expect(started.output).toContain(message)
  expect(message).toContain(file)
  // One line for an operator, without internal details.
  expect(message).not.toMatch(/\n|SQLITE_|Error:/)
  return message ?? ''
}

async function database(file: string, then: string): Promise<void> {
  const jobs = createJobs({ jobs: {}, store: sqlite(file), log: silentLog })
  await jobs.ready()
  await jobs.close()
  const db = await open(file)
  db.exec(then)
  db.close()
}

describe('an unusable store', () => {
  test('a directory', async () => {
    expect(await refusal(here)).toMatch(/is a directory: specify a file in it/)
  })

  test('a path in a missing folder', async () => {
    expect(await refusal(join(here, 'nowhere', 'jobs.db'))).toMatch(/the folder .*nowhere" does not exist: create it/)
  })

  test('a file that is not a database', async () => {
    const file = join(here, 'jobs.db')
    writeFileSync(file, 'Dear diary, today I was taken for a database.\n'.repeat(200))
    expect(await refusal(file)).toMatch(/is not a SQLite database, or it is damaged/)
  })

  test('the database of another program', async () => {
    const file = join(here, 'jobs.db')
    const db = await open(file)
    db.exec('CREATE TABLE recipes (name TEXT)')
    db.close()
    expect(await refusal(file)).toMatch(/the database of another program/)
  })

  test('a later schema version', async () => {
    const file = join(here, 'jobs.db')
    await database(file, 'PRAGMA user_version = 99')
    expect(await refusal(file)).toMatch(/has schema version 99, .* upgrade uketsuke/)
  })

  // Root can write everywhere, so the child runs as another user.
  const nobody = process.getuid?.() === 0 ? 65_534 : undefined

  test('a read-only file', async () => {
    const file = join(here, 'jobs.db')
    await database(file, 'PRAGMA user_version')
    const files = readdirSync(here).map((name) => join(here, name))
    if (nobody !== undefined) for (const path of [here, ...files]) chownSync(path, nobody, nobody)
    chmodSync(file, 0o444)
    expect(await refusal(file, nobody)).toMatch(/read-only for this process/)
  })

  test('a file in a read-only folder', async () => {
    const folder = join(here, 'locked')
    mkdirSync(folder)
    chmodSync(here, 0o755)
    chmodSync(folder, 0o555)
    expect(await refusal(join(folder, 'jobs.db'), nobody)).toMatch(
      /grant this process read and write access to the file and its folder/,
    )
    chmodSync(folder, 0o755)
  })
})
