import { test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { silentLog, sqlite } from '../../src/index.ts'
import { type OpenRelay, storeRelay } from '../../src/relay/port.ts'
import { redis } from '../../src/relay/redis.ts'
import { dispatchSuite } from '../../src/testing/dispatch-suite.ts'
import { atEnd, tempFile } from '../jobs/stage.ts'
import { server } from './redis-stage.ts'

async function sides(open: OpenRelay) {
  const file = tempFile()
  const side = async () => {
    const store = sqlite(file)(systemClock)
    await store.migrate()
    const relay = open({ store, clock: systemClock, log: silentLog })
    await relay.start()
    atEnd(async () => {
      await relay.close()
      await store.close()
    })
    return { store, dispatch: relay.dispatch }
  }
  return [await side(), await side()] as [Awaited<ReturnType<typeof side>>, Awaited<ReturnType<typeof side>>]
}

dispatchSuite({ test: (name, fn) => test(`polling: ${name}`, fn), open: () => sides(storeRelay) })
dispatchSuite({
  test: (name, fn) => test(`Redis Streams: ${name}`, fn),
  open: async () => sides(redis((await server()).url)),
})
// Without its Redis it must do as well.
dispatchSuite({
  test: (name, fn) => test(`Redis Streams without Redis: ${name}`, fn),
  open: () => sides(redis('redis://127.0.0.1:1')),
})
