import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createClient, type JobView } from '../../packages/client/src/index.ts'
import { endAll, folder, owner, Program } from './support.ts'

afterEach(endAll)

/** `FILES_MIB=2048` is the long proof. */
const mebibytes = Number(process.env.FILES_MIB ?? 256)
const growthMiB = 64

/** The most memory that a process has had, in MiB. */
const peakOf = (pid: number) =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1_024

test(
  'a large file streams to the disk and to a client with flat memory',
  async () => {
    const program = await Program.start({
      file: join(folder(), 'jobs.db'),
      files: join(folder(), 'files'),
      api: true,
      work: { concurrency: 2 },
    })
    const client = createClient({ url: program.url ?? '', token: owner })
    const saved = async (mebibytes: number) => {
      const handle = await client.enqueue('large', { mebibytes })
      await handle.result()
      const { files } = (await handle.get()) as JobView & { status: 'completed' }
      const response = await fetch(new URL(files?.[0]?.url ?? '', program.url ?? ''), {
        headers: { authorization: `Bearer ${owner}` },
      })
      const hash = createHash('sha256')
      let bytes = 0
      for await (const chunk of response.body ?? []) {
        hash.update(chunk)
        bytes += chunk.byteLength
      }
      expect([bytes, hash.digest('hex')]).toEqual([files?.[0]?.bytes, files?.[0]?.sha256])
      return bytes
    }
    await saved(16)
    const before = peakOf(program.pid)
    expect(await saved(mebibytes)).toBe(mebibytes * 2 ** 20)
    const grown = peakOf(program.pid) - before
    console.info({ mebibytes, before: Math.round(before), grown: Math.round(grown) })
    expect(grown).toBeLessThan(growthMiB)
  },
  60_000 + mebibytes * 100,
)
