import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { installed } from '../servers/machine.ts'
import { until } from '../until.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Starts a jobs API on a new file. Its syncs fail while the file `flag` exists. */
async function serve() {
  const file = tempFile()
  const library = join(dirname(file), 'fail-sync.so')
  const compiler = join(
    installed(['gcc'], () => ['/usr/bin'], 'gcc'),
    'gcc',
  )
  execFileSync(compiler, ['-shared', '-fPIC', '-o', library, here('fail-sync.c')])
  const flag = join(dirname(file), 'fail')
  const env = { ...process.env, LD_PRELOAD: library, FAIL_SYNC: flag }
  const child = spawn(process.execPath, [here('sync.mjs'), file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(() => void child.kill('SIGKILL'))
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  const kill = async () => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  return { file, flag, url: `http://127.0.0.1:${String(port).trim()}/api/jobs`, kill }
}

describe.runIf(process.platform === 'linux')('a failing fsync', () => {
  test('responds with an unknown outcome; after a crash the job can be looked up', async () => {
    const { file, flag, url, kill } = await serve()
    const post = async () => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(url, { method: 'POST', headers, body: '{"type":"quick","input":1}' })
      return { status: answer.status, body: (await answer.json()) as Record<string, string> }
    }
    expect((await post()).status).toBe(202)
    writeFileSync(flag, '')
    const { status, body } = await post()
    expect([status, body]).toMatchObject([503, { outcome: 'unknown', jobId: expect.stringMatching(/^\w{26}$/) }])
    await kill()
    rmSync(flag)
    // The log contains the whole transaction: SQLite recovers it, and a worker runs the job.
    const jobs = createJobs({
      jobs: { quick: job({ input: z.any(), run: () => 1 }) },
      store: sqlite(file),
      log: silentLog,
    })
    atEnd(() => jobs.close())
    await jobs.work()
    await until(async () => (await jobs.get(body.jobId ?? '', { owner: allOwners }))?.status === 'completed')
    expect((await jobs.list({ owner: allOwners })).items).toHaveLength(2)
  })

  test('a later commit replaces the unsynced one once the disk works again', async () => {
    const { file, flag, url, kill } = await serve()
    const headers = { 'content-type': 'application/json' }
    const post = () => fetch(url, { method: 'POST', headers, body: '{"type":"quick","input":1}' })
    writeFileSync(flag, '')
    const { jobId } = (await (await post()).json()) as { jobId: string }
    rmSync(flag)
    expect((await fetch(`${url}/${jobId}`)).status).toBe(404)
    const stored = (await (await post()).json()) as { jobId: string }
    await kill()
    const jobs = createJobs({ jobs: {}, store: sqlite(file), log: silentLog })
    atEnd(() => jobs.close())
    expect((await jobs.list({ owner: allOwners })).items.map((one) => (one as { jobId: string }).jobId)).toEqual([
      stored.jobId,
    ])
  })
})
