import { mkdtempSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { create } from '../../packages/uketsuke/src/domain/rules.ts'
import type { Store } from '../../packages/uketsuke/src/store/port.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'uketsuke-foreign-commits-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Two handles; the test listens on the first. The clock is stopped unless a test advances it, so there is no polling. */
async function twoHandles(path: string, pathOfOther = path) {
  const clock = manualClock()
  const stores: [Store, Store] = [sqlite(path)(clock), sqlite(pathOfOther)(clock)]
  for (const store of stores) await store.migrate()
  let ids = 0
  const insert = (store: Store) => {
    const id = String(++ids)
    const job = create({ id, type: 'report', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 1_000 }, clock.now())
    return store.insert([{ job }])
  }
  const heard = vi.fn()
  return {
    clock,
    heard,
    mine: () => insert(stores[0]),
    others: () => insert(stores[1]),
    async listen() {
      stores[0].onForeignCommit(() => heard())
      // The first check always reports a change; later ones compare versions.
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1))
      heard.mockClear()
    },
    close: () => Promise.all(stores.map((store) => store.close())),
  }
}

const times = (fn: ReturnType<typeof vi.fn>, count: number) =>
  vi.waitFor(() => expect(fn).toHaveBeenCalledTimes(count), { timeout: 10_000 })

describe.runIf(process.platform === 'linux')('detects commits of other processes without polling', () => {
  it('reports each commit of another connection and none of its own', async () => {
    const { heard, mine, others, listen, close } = await twoHandles(join(folder, 'heard.db'))
    await listen()
    for (let count = 1; count <= 5; count++) {
      await mine()
      await others()
      await times(heard, count)
    }
    await close()
  })

  it('reports commits after the log was checkpointed and emptied', async () => {
    const path = join(folder, 'emptied.db')
    const { heard, others, listen, close } = await twoHandles(path)
    await listen()
    await others()
    await times(heard, 1)
    const db = await open(path)
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    expect(statSync(`${path}-wal`).size).toBe(0)
    await others()
    await times(heard, 2)
    await close()
  })

  it('works through a symbolic link to the file', async () => {
    const path = join(folder, 'pointed-to.db')
    symlinkSync(path, join(folder, 'link.db'))
    const { heard, others, listen, close } = await twoHandles(path, join(folder, 'link.db'))
    await listen()
    await others()
    await times(heard, 1)
    await close()
  })
})

it('does not miss a commit before the first check', async () => {
  const path = join(folder, 'early.db')
  const store = sqlite(path)(manualClock())
  await store.migrate()
  const other = await open(path)
  const heard = vi.fn()
  store.onForeignCommit(() => heard())
  other.exec("INSERT INTO shared (name, value) VALUES ('early', 'bird')")
  await vi.waitFor(() => expect(heard).toHaveBeenCalled())
  other.close()
  await store.close()
})

describe.skipIf(process.platform === 'win32')('without file watching', () => {
  it('polls for commits of other processes every 20 ms', async () => {
    const path = join(folder, 'unwatched.db')
    const { clock, heard, others, listen, close } = await twoHandles(path)
    renameSync(`${path}-shm`, `${path}-elsewhere`)
    await listen()
    await others()
    await clock.advance(19)
    expect(heard).not.toHaveBeenCalled()
    await clock.advance(1)
    expect(heard).toHaveBeenCalledTimes(1)
    await others()
    await clock.advance(20)
    expect(heard).toHaveBeenCalledTimes(2)
    await close()
  })
})
