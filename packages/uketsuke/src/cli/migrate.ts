import { fromEnvironment, storeFromUrl } from '../api/environment.ts'
import { systemClock } from '../base/clock.ts'
import { migrateStore } from '../store-migration/migrate-store.ts'
import { parseOptions, UsageError } from './arguments.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

export async function migrate(args: readonly string[]): Promise<number> {
  const options = { from: text, to: text, 'from-schema': text, schema: text, store: text, json: flag }
  const { from, to, 'from-schema': fromSchema, schema, store: file, json } = parseOptions('migrate', args, options)
  if (from === undefined && to === undefined) return updateSchema({ file, schema }, json)
  if (from === undefined || to === undefined) throw new UsageError('A migration requires both --from and --to.')
  if (from === to && (fromSchema ?? 'uketsuke') === (schema ?? 'uketsuke'))
    throw new UsageError('--from and --to name the same store.')
  const moved = await migrateStore(storeFromUrl(from, fromSchema).raw, storeFromUrl(to, schema).raw, (one) => {
    if (json) return
    const before = one.before > 0 ? ` (${one.before} from an earlier run)` : ''
    console.log(`${one.table}: ${one.rows} rows${before}, checksum ${one.checksum} in both stores`)
  })
  if (json) console.log(JSON.stringify({ tables: moved }))
  else
    console.log(
      moved.length === 0
        ? 'This migration is already complete. Nothing changed.'
        : 'Migration complete. Start servers and workers on the new store. The old store is locked.',
    )
  return 0
}

async function updateSchema(options: { file?: string; schema?: string }, json = false): Promise<number> {
  const store = fromEnvironment(options).store(systemClock)
  try {
    await store.migrate()
    const { engine, durability } = store.description
    console.log(json ? JSON.stringify({ engine, durability }) : `The schema is up to date. ${durability}.`)
    return 0
  } finally {
    await store.close()
  }
}
