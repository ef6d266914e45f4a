import { storeFromEnvironment } from '../api/environment.ts'
import { ApiKeys, type ApiKeyView } from '../auth/api-keys.ts'
import { systemClock } from '../base/clock.ts'
import type { Scope } from '../domain/scopes.ts'
import { allOwners } from '../store/port.ts'
import { parseOptions, UsageError } from './arguments.ts'

const text = { type: 'string' } as const
const options = {
  ...{ owner: text, scopes: text, name: text, expires: text, id: text, store: text, schema: text },
  json: { type: 'boolean' },
} as const
const usage = 'Try "uketsuke keys --help".'

type Values = Partial<Record<Exclude<keyof typeof options, 'json'>, string>> & { json?: boolean }

/** The allowed options of each action, besides those of the store. */
const actions: Readonly<
  Record<string, { allowed: readonly string[]; run(keys: ApiKeys, values: Values): Promise<number> }>
> = {
  create: { allowed: ['owner', 'scopes', 'name', 'expires', 'json'], run: create },
  list: { allowed: ['owner', 'json'], run: list },
  revoke: { allowed: ['id'], run: revoke },
}

export async function keys([name = '', ...args]: readonly string[]): Promise<number> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) throw new UsageError(`"uketsuke keys" needs create, list or revoke. ${usage}`)
  // `keys revoke <id>` is what people type.
  const [first = ''] = args
  const rest = name === 'revoke' && first !== '' && !first.startsWith('-') ? ['--id', ...args] : args
  const values: Values = parseOptions('keys', rest, options)
  const unknown = Object.keys(values).find((one) => ![...action.allowed, 'store', 'schema'].includes(one))
  if (unknown !== undefined) throw new UsageError(`"uketsuke keys ${name}" has no option --${unknown}. ${usage}`)
  const { store: file, schema } = values
  const store = storeFromEnvironment({
    ...(file !== undefined && { file }),
    ...(schema !== undefined && { schema }),
  }).store(systemClock)
  try {
    await store.migrate()
    const clock = { ...systemClock, now: () => store.now?.() ?? systemClock.now() }
    return await action.run(new ApiKeys(store.records, clock, async () => {}), values)
  } finally {
    await store.close()
  }
}

async function create(keys: ApiKeys, { owner, scopes, name, expires, json }: Values): Promise<number> {
  if (owner === undefined) throw new UsageError(`--owner is required. ${usage}`)
  const { key, ...view } = await keys.create({
    owner,
    ...(scopes !== undefined && { scopes: scopes.split(',').map((one) => one.trim()) as Scope[] }),
    ...(name !== undefined && { name }),
    ...(expires !== undefined && { expiresAt: expiryOf(expires) }),
  })
  if (json) {
    console.log(JSON.stringify({ ...view, key }))
    return 0
  }
  console.error(`API key ${view.id} for ${view.owner} (${view.scopes.join(', ')}). It is shown only once:`)
  console.log(key)
  return 0
}

async function list(keys: ApiKeys, { owner, json }: Values): Promise<number> {
  const found = (await keys.list({ owner: owner ?? allOwners })).sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
  if (json) console.log(JSON.stringify(found))
  for (const one of json ? [] : found) {
    console.log(
      [one.id, stateOf(one), one.owner, one.scopes.join(','), one.createdAt, one.name ?? ''].join('\t').trimEnd(),
    )
  }
  return 0
}

async function revoke(keys: ApiKeys, { id }: Values): Promise<number> {
  if (id === undefined) throw new UsageError(`The id of the key is required. ${usage}`)
  if (!(await keys.revoke(id))) throw new Error(`There is no API key with the id ${JSON.stringify(id)}.`)
  console.log(`Revoked ${id}.`)
  return 0
}

function stateOf({ revokedAt, expiresAt }: ApiKeyView): string {
  if (revokedAt !== null) return 'revoked'
  if (expiresAt === null) return 'active'
  return Date.parse(expiresAt) > Date.now() ? `active until ${expiresAt}` : 'expired'
}

/** `90d`, `12h` or an ISO 8601 time. */
function expiryOf(given: string): Date {
  const [, count = '', unit = ''] = /^(\d{1,5})([dh])$/.exec(given) ?? []
  const time =
    count === '' ? new Date(given) : new Date(Date.now() + Number(count) * (unit === 'd' ? 86_400_000 : 3_600_000))
  if (!Number.isNaN(time.getTime())) return time
  throw new UsageError(`--expires must be like 90d, 12h or an ISO 8601 time, not ${JSON.stringify(given)}.`)
}
