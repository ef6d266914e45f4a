import { mock } from 'node:test'
import { afterEach, expect, test, vi } from 'vitest'
import { createJobs, sqlite } from '../../packages/uketsuke/src/index.ts'
import { liveUnder } from './fake-timers.ts'
import { tempFile } from './setup.ts'

// Users test their programs with fake timers, which must not stop the timers of this package.
afterEach(() => {
  vi.useRealTimers()
  mock.timers.reset()
})

const every = ['setTimeout', 'setInterval', 'setImmediate', 'performance', 'Date', 'queueMicrotask', 'hrtime'] as const

test.each<[string, () => void]>([
  ['vitest’s', () => void vi.useFakeTimers()],
  ['all of vitest’s', () => void vi.useFakeTimers({ toFake: [...every] })],
  ['Node’s', () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] })],
])('accepts, runs, follows and closes jobs with %s fake timers', async (_, fake) => {
  await liveUnder(fake, createJobs, sqlite(tempFile()))
})

test('works with fake timers that were installed before the package was loaded', async () => {
  vi.resetModules()
  vi.useFakeTimers({ toFake: [...every] })
  const fresh = await import('../../packages/uketsuke/src/index.ts')
  expect(fresh.createJobs).not.toBe(createJobs)
  await liveUnder(() => {}, fresh.createJobs, fresh.sqlite(tempFile()))
})
