import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'
import type { JobTypes } from '../../packages/uketsuke/src/definition/define.ts'
import {
  allOwners,
  createJobs,
  type JobContext,
  type Jobs,
  type JobsOptions,
  job,
  type Store,
  type StoreFactory,
  silentLog,
  sqlite,
} from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { until } from '../until.ts'

/**
 * Called after the test, in reverse order. Not an `afterEach` of this module: without isolation, only the first file of a worker that
 * imports it would register that.
 */
export const atEnd = (fn: () => Promise<void> | void) => onTestFinished(fn, 60_000)

export function tempFile(name = 'jobs.db'): string {
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, name)
}

/** A store that a test can inspect while a program uses it. */
export function visible(factory: StoreFactory): { store: StoreFactory; opened(): Store } {
  let opened: Store | null = null
  return {
    store: (clock) => {
      opened = factory(clock)
      return opened
    },
    opened: () => opened ?? expect.fail('not opened yet'),
  }
}

/** A job system on a new SQLite file with a manual clock. */
export function open<Types extends JobTypes>(types: Types, options: Partial<JobsOptions<Types>> = {}) {
  const clock = manualClock()
  const jobs = createJobs({ jobs: types, store: sqlite(tempFile()), clock, log: silentLog, ...options })
  atEnd(async () => {
    const closed = jobs.close()
    // Running jobs are released at the end of the drain.
    await clock.advance(25_000)
    await closed
  })
  return { jobs, clock }
}

/** A promise with its resolve function. */
export function gate<T = void>() {
  let open!: (value: T) => void
  const passed = new Promise<T>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

export const every = { owner: allOwners as typeof allOwners }
export type Handler = (context: JobContext<object>) => unknown

/** One job type, which takes anything and retries at once. */
export const one = (run: Handler, more = {}) => ({
  one: job({ input: z.object({}), backoff: { base: 0 }, run, ...more }),
})

/** A job, once it has ended. */
export const ended = (jobs: Pick<Jobs, 'get'>, jobId: string) =>
  until(async () => {
    const found = await jobs.get(jobId, every)
    return found?.completedAt == null ? null : found
  })
