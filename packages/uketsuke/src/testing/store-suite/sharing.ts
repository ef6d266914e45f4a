import assert from 'node:assert/strict'
import { type Check, job } from './fixture.ts'

export function sharing(check: Check): void {
  check('shared: the first value is kept', async ({ store }) => {
    assert.equal(await store.shared('secret', 'one'), 'one')
    assert.equal(await store.shared('secret', 'two'), 'one')
    assert.equal(await store.shared('other', 'two'), 'two')
  })

  check('migrate and close: idempotent', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    await store.migrate()
    assert.equal((await store.get('ann', ['a']))[0]?.id, 'a')
    assert.ok(store.description.engine.length > 0 && store.description.durability.length > 0)
    await store.close()
    await store.close()
  })
}
