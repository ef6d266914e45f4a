import assert from 'node:assert/strict'
import { allOwners } from '../../store/port.ts'
import type { RecordStore } from '../../store/records.ts'
import type { Check } from './fixture.ts'

const put = (records: RecordStore, id: string, { kind = 'key', owner = 'ann', value = '{}' } = {}) =>
  records.update(kind, owner, id, () => value)

export function recording(check: Check): void {
  check('records: a record is created, read and changed', async ({ store: { records } }) => {
    assert.equal(await records.get('key', 'ann', 'a'), null)
    const seen: (string | null)[] = []
    const change = (value: string) => (before: string | null) => {
      seen.push(before)
      return value
    }
    assert.equal(await records.update('key', 'ann', 'a', change('1')), '1')
    assert.equal(await records.update('key', 'ann', 'a', change('"é\\u0000"')), '"é\\u0000"')
    assert.equal(await records.update('key', 'ann', 'a', () => null), null)
    assert.deepEqual(seen, [null, '1'])
    assert.deepEqual(await records.get('key', 'ann', 'a'), { kind: 'key', id: 'a', owner: 'ann', value: '"é\\u0000"' })
  })

  check('records: concurrent changes are applied one after another', async ({ store: { records } }) => {
    const increment = () => records.update('key', 'ann', 'a', (value) => String(Number(value) + 1))
    const values = await Promise.all(Array.from({ length: 20 }, increment))
    assert.equal(new Set(values).size, 20)
    assert.equal((await records.get('key', 'ann', 'a'))?.value, '20')
  })

  check('records: a change that throws stores nothing', async ({ store: { records } }) => {
    await put(records, 'a', { value: '1' })
    const broken = () => {
      throw new RangeError('no')
    }
    await assert.rejects(records.update('key', 'ann', 'a', broken), RangeError)
    assert.equal((await records.get('key', 'ann', 'a'))?.value, '1')
  })

  check('records: a foreign record is like an absent one', async ({ store: { records } }) => {
    await put(records, 'a')
    assert.equal(await records.get('key', 'bob', 'a'), null)
    assert.equal(await put(records, 'a', { owner: 'bob', value: '2' }), null)
    assert.deepEqual(await records.list('key', 'bob', null, 10), [])
    assert.equal(await records.remove('key', 'bob', 'a'), false)
    assert.deepEqual(await records.get('key', allOwners, 'a'), { kind: 'key', id: 'a', owner: 'ann', value: '{}' })
    await assert.rejects(records.list('key', '', null, 10), { code: 'invalid-owner' })
    await assert.rejects(put(records, 'b', { owner: '' }), { code: 'invalid-owner' })
  })

  check('records: listed by kind and owner, in pages', async ({ store: { records } }) => {
    for (const id of ['b', 'a', 'C', 'é']) await put(records, id)
    await put(records, 'aa', { owner: 'bob' })
    await put(records, 'a', { kind: 'other' })
    const ids = async (owner: string | typeof allOwners, after: string | null, limit: number) =>
      (await records.list('key', owner, after, limit)).map(({ id }) => id)
    assert.deepEqual(await ids(allOwners, null, 10), ['C', 'a', 'aa', 'b', 'é'])
    assert.deepEqual(await ids('ann', null, 2), ['C', 'a'])
    assert.deepEqual(await ids('ann', 'a', 10), ['b', 'é'])
  })

  check(
    'records: text is added to many values at once, of which the last part is kept',
    async ({ store: { records } }) => {
      await put(records, 'a', { value: '1' })
      await put(records, 'full', { value: '12345' })
      const entry = (id: string, value: string, owner = 'ann') => ({ id, owner, value })
      await records.append('key', [entry('a', '2\u0000'), entry('b', 'é'), entry('full', '6')], 5)
      await records.append('key', [entry('b', 'è'), entry('a', 'x', 'bob')], 5)
      await records.append('key', [], 5)
      const all = await records.list('key', 'ann', null, 10)
      assert.deepEqual(
        all.map(({ value }) => value),
        ['12\u0000', 'éè', '23456'],
      )
      await assert.rejects(records.append('key', [entry('c', '1', '')], 5), { code: 'invalid-owner' })
    },
  )

  check('records: removed once', async ({ store: { records } }) => {
    await put(records, 'a')
    assert.equal(await records.remove('key', 'ann', 'a'), true)
    assert.equal(await records.remove('key', allOwners, 'a'), false)
    assert.equal(await put(records, 'a', { value: '3' }), '3')
  })
}
