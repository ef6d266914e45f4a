import { expect, it } from 'vitest'
import { manualClock } from '../testing/clock.ts'
import { DeliveryLimits, type DeliverySlot } from './delivery-limits.ts'

const one = 'https://one.example'

function limits() {
  const clock = manualClock()
  const made = new DeliveryLimits(clock, () => 0)
  const acquire = (origin = one, owner = 'ann') => made.acquire(origin, owner)
  const slot = async (origin = one, owner = 'ann') => (await acquire(origin, owner)) as DeliverySlot
  const fail = async (times: number) => {
    for (let i = 0; i < times; i++) (await slot()).release(false)
  }
  return { clock, slot, fail, acquire }
}

const given = { release: expect.any(Function) }

it('allows five concurrent webhooks per origin, for all owners together, independent of other origins', async () => {
  const { clock, slot, acquire } = limits()
  const slots = await Promise.all(Array.from({ length: 5 }, (_, i) => slot(one, `owner ${i}`)))
  const waiting = acquire(one, 'bob')
  expect(await acquire('https://two.example')).toEqual(given)
  await clock.advance(100)
  slots[0]?.release(true)
  expect(await waiting).toEqual(given)
  const late = acquire(one, 'bob')
  await clock.advance(1_000)
  expect(await late).toEqual(expect.any(Number))
})

it('allows twenty per origin while it is fast, and lets those that wait begin at once', async () => {
  const { clock, slot, acquire } = limits()
  const slots = await Promise.all(Array.from({ length: 5 }, () => slot()))
  const waiting = Array.from({ length: 16 }, () => acquire())
  await clock.advance(99)
  slots[0]?.release(true)
  const begun = (await Promise.all(waiting)) as DeliverySlot[]
  expect(begun).toEqual(waiting.map(() => given))
  const late = acquire()
  await clock.advance(1)
  begun[0]?.release(true)
  expect(await late).toEqual(given)
  // It became slow: the others of the twenty end before the next begins.
  await clock.advance(200)
  for (const one of begun.slice(1, 15)) one.release(true)
  const next = acquire()
  await clock.advance(1_000)
  expect(await next).toEqual(expect.any(Number))
})

it('allows forty concurrent webhooks per owner, for all origins together', async () => {
  const { clock, slot, acquire } = limits()
  for (let i = 0; i < 40; i++) await slot(`https://${i}.example`)
  const late = acquire('https://other.example')
  expect(await acquire('https://other.example', 'bob')).toEqual(given)
  await clock.advance(1_000)
  expect(await late).toEqual(expect.any(Number))
})

it('queues a burst for a fast receiver', async () => {
  const { slot, acquire } = limits()
  const slots = await Promise.all(Array.from({ length: 5 }, () => slot()))
  const burst = Array.from({ length: 20 }, () => acquire())
  slots[0]?.release(true)
  for (const one of burst) {
    const next = await one
    expect(next).toEqual(given)
    if (typeof next !== 'number') next.release(true)
  }
})

it('queues a burst that fills half a worker, and all of it for a receiver that was fast', async () => {
  const { clock, slot, acquire } = limits()
  for (const [size, took] of [
    [45, 0],
    [95, 0],
    [95, 40],
  ] as const) {
    const slots = await Promise.all(Array.from({ length: 5 }, () => slot()))
    const burst = Array.from({ length: size }, () => acquire())
    await clock.advance(took)
    for (const one of slots) one.release(true)
    for (const one of burst) {
      const next = await one
      expect(next).toEqual(given)
      if (typeof next !== 'number') next.release(true)
    }
  }
})

it('leaves half a worker to others where an unknown receiver does not answer', async () => {
  const { clock, slot, acquire } = limits()
  await Promise.all(Array.from({ length: 5 }, () => slot()))
  const postponed: unknown[] = []
  for (let i = 0; i < 95; i++) void acquire().then((given) => postponed.push(given))
  await clock.advance(0)
  expect(postponed).toHaveLength(45)
  await clock.advance(1_000)
  expect(postponed).toHaveLength(95)
})

it('postpones at once what comes for a receiver that was slow', async () => {
  const { clock, slot, acquire } = limits()
  const first = await slot()
  await clock.advance(10_000)
  first.release(true)
  await Promise.all(Array.from({ length: 5 }, () => slot()))
  expect(await acquire()).toBe(2_250)
})

it('forgets the receiver that has rested longest, and none that is busy, once there are ten thousand', async () => {
  const { clock, slot, acquire } = limits()
  const busy = 'https://busy.example'
  const held = await Promise.all(Array.from({ length: 5 }, () => slot(busy, 'bob')))
  const slow = await slot()
  await clock.advance(10_000)
  slow.release(true)
  for (let i = 0; i < 10_000; i++) (await slot(`https://${i}.example`, 'carl')).release(true)
  await Promise.all(Array.from({ length: 5 }, () => slot()))
  const forgotten = acquire()
  expect(await Promise.race([forgotten, Promise.resolve('waits')])).toBe('waits')
  expect(await acquire(busy, 'dave')).toEqual(expect.any(Number))
  for (const one of held) one.release(true)
})

it('postpones for longer with more waiting webhooks and slower origins, up to a minute', async () => {
  const { clock, slot, acquire } = limits()
  await Promise.all(Array.from({ length: 5 }, () => slot()))
  await clock.advance(20_000)
  const waits: unknown[] = []
  for (let i = 0; i < 40; i++) waits.push(await acquire())
  expect([waits[0], waits[4], waits[39]]).toEqual([4_250, 20_250, 60_250])
})

it('opens the circuit breaker after ten consecutive failures for 30 s, lets one webhook through, and doubles up to five minutes', async () => {
  const { clock, slot, fail, acquire } = limits()
  await fail(9)
  ;(await slot()).release(true)
  await fail(10)
  expect(await acquire()).toBe(30_250)
  for (const next of [60, 120, 240, 300, 300]) {
    await clock.advance(300_000)
    const probe = await slot()
    expect(await acquire()).toEqual(expect.any(Number))
    probe.release(false)
    expect(await acquire()).toBe(next * 1_000 + 250)
  }
  await clock.advance(300_000)
  ;(await slot()).release(true)
  expect(await acquire()).toEqual(given)
})
