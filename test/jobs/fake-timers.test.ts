import { mock } from 'node:test'
import { afterEach, expect, test, vi } from 'vitest'
import { createJobs, sqlite } from '../../packages/uketsuke/src/index.ts'
import { liveUnder } from './fake-timers.ts'
import { tempFile } from './setup.ts'

// Whoever tests a program of their own under fake timers never moves ours on.
afterEach(() => {
  vi.useRealTimers()
  mock.timers.reset()
})

const every = ['setTimeout', 'setInterval', 'setImmediate', 'performance', 'Date', 'queueMicrotask', 'hrtime'] as const

test.each<[string, () => void]>([
  ['vitest’s', () => void vi.useFakeTimers()],
  ['all of vitest’s', () => void vi.useFakeTimers({ toFake: [...every] })],
  ['Node’s', () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] })],
])('jobs are accepted, run, followed and closed under %s fake timers', async (_, fake) => {
  await liveUnder(fake, createJobs, sqlite(tempFile()))
})

test('fake timers that are there before the package is loaded do no harm', async () => {
  vi.resetModules()
  vi.useFakeTimers({ toFake: [...every] })
  const fresh = await import('../../packages/uketsuke/src/index.ts')
  expect(fresh.createJobs).not.toBe(createJobs)
  await liveUnder(() => {}, fresh.createJobs, fresh.sqlite(tempFile()))
})
