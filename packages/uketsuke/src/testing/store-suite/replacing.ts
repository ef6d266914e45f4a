import assert from 'node:assert/strict'
import type { Job } from '../../domain/job.ts'
import * as rules from '../../domain/rules.ts'
import { applied, asked, type Check, job } from './fixture.ts'

const broke = { code: 'handler-error', message: 'It broke.', retryable: true }

export function replacing(check: Check): void {
  check('replace: stale changes in a batch fail, the others succeed', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id }) })))
    const claimed = await store.claim(asked)
    const progressed = claimed.map((one) => applied(one, rules.progress(one, 10, 'ten'), clock))
    assert.deepEqual(await store.replace(progressed.slice(1, 2)), [true])
    const gone = applied({ ...claimed[0]!, id: 'gone' }, { ...claimed[0]!, id: 'gone', version: 9 }, clock)
    assert.deepEqual(await store.replace([...progressed, gone]), [true, false, true, false])
    const now = await store.get('ann', ['a', 'b', 'c', 'gone'])
    assert.deepEqual(now, [...progressed.map(({ after }) => after), null])
    assert.deepEqual(await store.replace([]), [])
  })

  check('replace: a pending job is put off with another input', async ({ store, clock }) => {
    const input = JSON.stringify('NUL \u0000')
    await store.insert([{ job: job(clock, { id: 'a' }) }, { job: job(clock, { id: 'b' }) }])
    const put = async (id: string, wait: number) => {
      const [before] = await store.get('ann', [id])
      assert.ok(before)
      const delayed = applied(before, rules.debounce(before, input, clock.now(), { wait, max: 60 }), clock)
      assert.deepEqual(await store.replace([delayed]), [true])
      assert.deepEqual(await store.replace([delayed]), [false])
      assert.deepEqual(await store.get('ann', [id]), [delayed.after])
    }
    await put('a', 50)
    await put('b', 0)
    assert.equal((await store.claim(asked)).map(({ id }) => id).join(), 'b')
    await clock.advance(40)
    await put('a', 50)
    assert.deepEqual(await store.claim(asked), [])
    await clock.advance(20)
    const [claimed] = await store.claim(asked)
    assert.deepEqual([claimed?.id, claimed?.input, claimed?.version], ['a', input, 4])
    const again = applied(claimed!, rules.release(claimed!, clock.now()), clock)
    await store.replace([again])
    await put('a', 0)
  })

  check('replace: spawn and attempt are stored if and only if the swap succeeds', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', webhookUrl: 'https://example.com' }) }])
    const [running] = await store.claim(asked)
    assert.ok(running)
    const progressed = applied(running, rules.progress(running, 50, null), clock)
    await store.replace([progressed])
    await clock.advance(7)
    const late = applied(running, rules.succeed(running, clock.now(), '{}'), clock)
    assert.equal(late.spawn.length, 1)
    assert.deepEqual(await store.replace([late]), [false])
    assert.deepEqual(await store.deliveries('ann', 'a'), [])

    const done = applied(progressed.after, rules.succeed(progressed.after, clock.now(), '{"url":"…"}'), clock)
    assert.deepEqual(await store.replace([done]), [true])
    assert.deepEqual(await store.get('ann', ['a']), [done.after])
    assert.deepEqual(await store.deliveries('ann', 'a'), done.spawn)

    await store.insert([{ job: job(clock, { id: 'b' }) }])
    const [again] = await store.claim(asked)
    assert.ok(again)
    const failed = applied(again, rules.fail(again, clock.now(), broke, clock.now()), clock)
    assert.ok(failed.attempt)
    await store.replace([applied(again, rules.progress(again, 50, null), clock)])
    assert.deepEqual(await store.replace([failed]), [false])
    assert.deepEqual(await store.attempts('ann', 'b'), [])
    const [now] = await store.get('ann', ['b'])
    assert.ok(now)
    const retried = applied(now, rules.fail(now, clock.now(), broke, clock.now()), clock)
    assert.deepEqual(await store.replace([retried]), [true])
    assert.deepEqual(await store.attempts('ann', 'b'), [retried.attempt])
  })

  check('replace: a spawn that already exists is left unchanged', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', webhookUrl: 'https://example.com' }) }])
    const there = job(clock, { id: 'a-webhook', queue: 'deliveries', parent: 'a', input: '"there"' })
    await store.insert([{ job: there }])
    const [running] = await store.claim(asked)
    const done = applied(running!, rules.succeed(running!, clock.now(), '1'), clock)
    assert.deepEqual(await store.replace([done]), [true])
    assert.deepEqual(await store.get('ann', ['a', 'a-webhook']), [done.after, there])
  })

  check('replace: a released attempt and its repetition are stored under the same number', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    for (const rule of [rules.release, (one: Job, now: number) => rules.fail(one, now, broke, now)]) {
      const [running] = await store.claim(asked)
      await clock.advance(1)
      assert.deepEqual(await store.replace([applied(running!, rule(running!, clock.now()), clock)]), [true])
    }
    const log = (await store.attempts('ann', 'a')).map(({ attempt, outcome }) => [attempt, outcome])
    assert.deepEqual(log, [
      [1, 'released'],
      [1, 'retrying'],
    ])
  })

  check('replace: of many concurrent writers of one version, exactly one wins', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await store.claim(asked)
    const tries = Array.from({ length: 20 }, (_, i) => applied(running!, rules.progress(running!, i + 1, null), clock))
    const results = await Promise.all(tries.map((one) => store.replace([one])))
    assert.equal(results.flat().filter(Boolean).length, 1)
    const winner = tries[results.findIndex(([won]) => won)]
    assert.deepEqual(await store.get('ann', ['a']), [winner?.after])
  })
}
