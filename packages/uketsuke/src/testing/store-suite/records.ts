import assert from 'node:assert/strict'
import { allOwners } from '../../store/port.ts'
import type { StoredRecord } from '../../store/records.ts'
import type { Check } from './fixture.ts'

const record = (more: Partial<StoredRecord> = {}): StoredRecord => ({
  kind: 'key',
  id: 'a',
  owner: 'ann',
  version: 1,
  value: '{"a":1}',
  ...more,
})

export function recording(check: Check): void {
  check('records: a record is created once and changed by compare-and-swap', async ({ store: { records } }) => {
    assert.equal(await records.put(record()), true)
    assert.equal(await records.put(record({ value: '2' })), false)
    assert.equal(await records.put(record({ version: 3 })), false)
    assert.equal(await records.put(record({ version: 2, value: '"é\\u0000"' })), true)
    assert.equal(await records.put(record({ version: 2 })), false)
    assert.deepEqual(await records.get('key', 'ann', 'a'), record({ version: 2, value: '"é\\u0000"' }))
    assert.equal(await records.put(record({ id: 'absent', version: 2 })), false)
  })

  check('records: of concurrent writes of one version, one is stored', async ({ store: { records } }) => {
    const tries = (version: number) =>
      Promise.all(Array.from({ length: 10 }, (_, i) => records.put(record({ version, value: String(i) }))))
    for (const version of [1, 2]) assert.equal((await tries(version)).filter(Boolean).length, 1)
  })

  check('records: a foreign record is like an absent one', async ({ store: { records } }) => {
    await records.put(record())
    assert.equal(await records.get('key', 'bob', 'a'), null)
    assert.equal(await records.put(record({ owner: 'bob', version: 2 })), false)
    assert.deepEqual(await records.list('key', 'bob', null, 10), [])
    assert.equal(await records.remove('key', 'bob', 'a'), false)
    assert.equal((await records.get('key', allOwners, 'a'))?.owner, 'ann')
    await assert.rejects(records.list('key', '', null, 10), { code: 'invalid-owner' })
  })

  check('records: listed by kind and owner, in pages', async ({ store: { records } }) => {
    for (const id of ['b', 'a', 'C', 'é']) await records.put(record({ id }))
    await records.put(record({ id: 'aa', owner: 'bob' }))
    await records.put(record({ kind: 'other' }))
    const ids = async (owner: string | typeof allOwners, after: string | null, limit: number) =>
      (await records.list('key', owner, after, limit)).map(({ id }) => id)
    assert.deepEqual(await ids(allOwners, null, 10), ['C', 'a', 'aa', 'b', 'é'])
    assert.deepEqual(await ids('ann', null, 2), ['C', 'a'])
    assert.deepEqual(await ids('ann', 'a', 10), ['b', 'é'])
  })

  check('records: removed once', async ({ store: { records } }) => {
    await records.put(record())
    assert.equal(await records.remove('key', 'ann', 'a'), true)
    assert.equal(await records.remove('key', allOwners, 'a'), false)
    assert.equal(await records.put(record({ value: '3' })), true)
  })
}
