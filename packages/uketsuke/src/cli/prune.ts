import { storeFromEnvironment } from '../api/environment.ts'
import { systemClock } from '../base/clock.ts'
import { parseOptions } from './arguments.ts'
import { progressBar } from './progress-bar.ts'

const text = { type: 'string' } as const
/** Small, so that other commits get their turn. */
const batch = 500

/** Deletes every job whose retention is over, without waiting for a worker to do it. */
export async function prune(args: readonly string[]): Promise<number> {
  const values = parseOptions('prune', args, { store: text, schema: text, json: { type: 'boolean' } })
  const { store: file, schema, json } = values
  const engine = { ...(file !== undefined && { file }), ...(schema !== undefined && { schema }) }
  const store = storeFromEnvironment(engine).store(systemClock)
  const bar = progressBar('Deleted')
  try {
    await store.migrate()
    let deleted = 0
    for (let more = true; more; ) {
      const now = await store.prune(batch)
      deleted += now
      more = now === batch
      bar.show(deleted)
    }
    bar.end()
    console.log(json ? JSON.stringify({ deleted }) : `Deleted ${deleted} expired jobs.`)
    return 0
  } finally {
    await store.close()
  }
}
