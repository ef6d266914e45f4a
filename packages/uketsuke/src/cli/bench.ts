import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createJobs } from '../api/create-jobs.ts'
import { fromEnvironment } from '../api/environment.ts'
import { silentLog } from '../base/log.ts'
import { performance } from '../base/timers.ts'
import { job } from '../definition/define.ts'
import { integer, parseOptions } from './arguments.ts'
import { progressBar } from './progress-bar.ts'

const text = { type: 'string' } as const
const batch = 500

/** Accepts any input. */
const anything = { '~standard': { version: 1, vendor: 'uketsuke', validate: (value: unknown) => ({ value }) } } as const

/** Measures how fast this machine and its store accept and run jobs that do nothing. */
export async function bench(args: readonly string[]): Promise<number> {
  const values = parseOptions('bench', args, {
    count: text,
    concurrency: text,
    schema: text,
    json: { type: 'boolean' },
  })
  const count = integer('count', values.count, 10_000, 1, 1_000_000)
  const concurrency = integer('concurrency', values.concurrency, 50, 1, 10_000)
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-bench-'))
  // Never among the user's own jobs.
  const engine = fromEnvironment({ file: join(folder, 'bench.db'), schema: values.schema ?? 'uketsuke_bench' })
  let ended = 0
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const bar = progressBar('Ran', count)
  const nothing = job({
    input: anything,
    run() {
      bar.show(++ended)
      if (ended === count) finish()
    },
  })
  const jobs = createJobs({ jobs: { nothing }, log: silentLog, ...engine })
  try {
    await jobs.ready()
    const accepted = await measured(async () => {
      for (let done = 0; done < count; done += batch) {
        await jobs.enqueueMany(
          'nothing',
          Array.from({ length: Math.min(batch, count - done) }, () => ({})),
        )
      }
    })
    const ran = await measured(async () => {
      await jobs.work({ concurrency })
      await finished
    })
    bar.end()
    const seen = {
      store: jobs.store.description.engine,
      jobs: count,
      acceptedPerSecond: Math.round(count / accepted),
      ranPerSecond: Math.round(count / ran),
    }
    console.log(values.json ? JSON.stringify(seen) : show(seen))
    return 0
  } finally {
    await jobs.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How long it took, in seconds. */
async function measured(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}

const show = (seen: { store: string; jobs: number; acceptedPerSecond: number; ranPerSecond: number }) =>
  `store     ${seen.store}
accepted  ${seen.acceptedPerSecond} jobs per second, ${batch} in a commit
ran       ${seen.ranPerSecond} jobs per second that do nothing (${seen.jobs} jobs)`
