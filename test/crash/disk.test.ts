import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { silentLog } from '../../packages/uketsuke/src/base/log.ts'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { until } from '../until.ts'
import { accepted, bearer, endAll, finally_, folder, Program, post, status } from './support.ts'

afterEach(endAll)

/** A way to fill a process's disk and to free it again. */
interface Disk {
  readonly path: string
  fill(processes: readonly Program[]): void
  free(processes: readonly Program[]): void
}

function works(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const limit = (processes: readonly Program[], size: string) => {
  for (const { pid } of processes) execFileSync('prlimit', [`--fsize=${size}:`, '--pid', String(pid)])
}

/** Every write beyond the first byte of a file fails with EFBIG, for this process only. */
function limited(): Disk {
  return {
    path: folder(),
    fill: (processes) => limit(processes, '1'),
    free: (processes) => limit(processes, 'unlimited'),
  }
}

/** A separate file system of 8 MiB, filled to the last page: ENOSPC. Mounting needs root, so it is opt-in. */
function small(): Disk {
  const path = join(folder(), 'disk')
  mkdirSync(path)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path])
  finally_(() => execFileSync('umount', ['-l', path]))
  const ballast = join(path, 'ballast')
  return {
    path,
    fill: () => {
      try {
        for (;;) appendFileSync(ballast, Buffer.alloc(4_096, 1))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    },
    free: () => rmSync(ballast),
  }
}

const canLimit = works('prlimit', ['--pid', String(process.pid), '--fsize'])
const kinds = [{ kind: 'a limit on the size of files', possible: canLimit, disk: limited }]
// Opt-in: a real full file system.
if (process.env.CRASH_MOUNT === '1') kinds.push({ kind: 'a small file system', possible: true, disk: small })

describe.each(kinds)('a full disk ($kind)', ({ possible, disk }) => {
  // Too large for the free space in the last pages of the log.
  const filler = 'x'.repeat(20_000)

  test.skipIf(!possible)(
    'responds with 503 and Retry-After, never with a 202 without a commit, and recovers',
    async () => {
      const { path, fill, free } = disk()
      const file = join(path, 'jobs.db')
      const api = await Program.start({ file, api: true })
      const url = api.url ?? ''
      const kept = new Set<string>()
      for (let n = 0; n < 3; n++) kept.add((await accepted(url, 'steps', { key: `before-${n}`, filler })).jobId)

      fill([api])
      const asked = Array.from({ length: 20 }, (_, n) =>
        post(url, 'steps', { key: `full-${n}`, filler }, { key: `full-${n}` }),
      )
      const refused = await until(async () => {
        const answers = await Promise.all(asked)
        // An existing log may have a few free pages. Jobs that were accepted must be kept.
        for (const answer of answers) {
          if (answer.status === 202) kept.add(((await answer.json()) as { jobId: string }).jobId)
        }
        return answers.filter(({ status }) => status !== 202)
      }, 'all are answered')
      expect(refused.length).toBeGreaterThan(0)
      for (const answer of refused) {
        expect(answer.status).toBe(503)
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
        const problem = (await answer.json()) as { type: string; detail: string }
        expect(problem.type).toMatch(/temporarily-unavailable$/)
        expect(problem.detail).not.toContain(path)
      }
      // Stored jobs can be read while the disk is full.
      for (const id of kept) expect((await status(url, id)).jobId).toBe(id)

      free([api])
      for (let n = 0; n < 20; n++) {
        // The same key as the rejected request, whose key was not stored.
        const answer = await until(async () => {
          const again = await post(url, 'steps', { key: `full-${n}`, filler }, { key: `full-${n}` })
          return again.status === 202 && again
        }, 'it accepts again')
        kept.add(((await (answer as Response).json()) as { jobId: string }).jobId)
      }
      await api.kill()
      const jobs = createJobs({ jobs: {}, store: sqlite(file), log: silentLog })
      const stored = await jobs.list({ owner: allOwners, limit: 100 })
      await jobs.close()
      expect(new Set(stored.items.map((one) => (one as { jobId: string }).jobId))).toEqual(kept)
      expect(kept.size).toBe(23)
    },
  )

  test.skipIf(!possible)('does not lose the outcomes of a worker', async () => {
    const { path, fill, free } = disk()
    const file = join(path, 'jobs.db')
    const api = await Program.start({ file, api: true })
    const url = api.url ?? ''
    // The lease outlasts the full disk, so the worker itself must retry.
    const worker = await Program.start({ file, lease: 60_000, work: { concurrency: 2 } })
    const { jobId } = await accepted(url, 'held', { key: 'done' })
    await worker.reported('start', 'done')
    fill([api, worker])
    worker.finish('done')
    await worker.reported('return', 'done')
    await until(() => worker.output.includes('storing the outcome failed'), 'the worker cannot store it')
    expect(await status(url, jobId)).toMatchObject({ status: 'running', attempt: 1 })
    free([api, worker])
    await until(async () => (await status(url, jobId)).completedAt, 'it is stored after all')
    expect(await status(url, jobId)).toMatchObject({ status: 'completed', attempt: 1, output: { by: worker.pid } })
    // The worker continues to claim jobs.
    const next = await accepted(url, 'steps', { key: 'next', steps: 1, stepMs: 1 })
    await until(async () => (await status(url, next.jobId)).completedAt, 'the next job completes')
  })

  test.skipIf(!possible)('for longer than a lease costs no attempt if no other worker takes the job', async () => {
    const { path, fill, free } = disk()
    const file = join(path, 'jobs.db')
    const api = await Program.start({ file, api: true })
    const url = api.url ?? ''
    const worker = await Program.start({ file, work: { concurrency: 2 } })
    const { jobId } = await accepted(url, 'held', { key: 'late' })
    await worker.reported('start', 'late')
    const store = sqlite(file)(systemClock)
    await store.migrate()
    finally_(() => store.close())
    fill([api, worker])
    await until(async () => (await store.expiredLeases(1)).length > 0, 'the lease runs out')
    free([api, worker])
    worker.finish('late')
    await until(async () => (await status(url, jobId)).completedAt, 'the job completes')
    expect(await status(url, jobId)).toMatchObject({ status: 'completed', attempt: 1, output: { by: worker.pid } })
  })

  test.skipIf(!possible)('does not prevent the worker from stopping', async () => {
    const { path, fill, free } = disk()
    const file = join(path, 'jobs.db')
    const api = await Program.start({ file, api: true })
    const url = api.url ?? ''
    const outgoing = await Program.start({ file, work: { concurrency: 2, drain: 200 } })
    const { jobId } = await accepted(url, 'held', { key: 'given back' })
    await outgoing.reported('start', 'given back')
    fill([api, outgoing])
    outgoing.terminate()
    expect(await outgoing.ended()).toBe(0)
    free([api])
    // The worker could not release the job, so its lease must expire.
    const successor = await Program.start({ file, work: { concurrency: 2 } })
    expect((await successor.reported('start', 'given back')).attempt).toBe(2)
    successor.finish('given back')
    await until(async () => (await status(url, jobId)).completedAt, 'the other worker completes it')
  })
})

test.skipIf(!canLimit)(
  'a full disk does not prevent a worker from stopping while it cannot store a cancellation',
  async () => {
    const file = join(folder(), 'jobs.db')
    const api = await Program.start({ file, api: true })
    const url = api.url ?? ''
    const outgoing = await Program.start({ file, work: { concurrency: 1, drain: 200 } })
    const { jobId } = await accepted(url, 'held', { key: 'cancelled' })
    await outgoing.reported('start', 'cancelled')
    // Only the worker's disk is full: the API can still store the cancellation.
    limit([outgoing], '1')
    await fetch(`${url}/${jobId}/cancel`, { method: 'POST', headers: bearer })
    await until(() => outgoing.output.includes('storing the outcome failed'), 'the worker cannot store it')
    outgoing.terminate()
    expect(await outgoing.ended()).toBe(0)
    await Program.start({ file, work: { concurrency: 1 } })
    await until(async () => (await status(url, jobId)).completedAt, 'the rescuer ends the job')
    expect(await status(url, jobId)).toMatchObject({ status: 'cancelled', attempt: 1 })
  },
)
