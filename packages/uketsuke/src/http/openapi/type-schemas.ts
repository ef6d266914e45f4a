import type { Log } from '../../base/log.ts'
import { components } from './schema-components.ts'

/** The schema of a job type's input or output: the name of its OpenAPI component, and the component with all that it references. */
export interface TypeSchema {
  readonly type: string
  readonly key: string
  readonly components: ReadonlyMap<string, unknown>
}

type Types = ReadonlyMap<string, { readonly input: unknown; readonly output?: unknown }>
type Side = 'input' | 'output'

/**
 * Converts the input schemas of all job types, and the output schemas of those that have one, to OpenAPI components. `taken` are the
 * component names already in use.
 */
export function typeSchemas(types: Types, taken: Iterable<string>, log: Pick<Log, 'warn'>) {
  const uniqueName = uniqueNames(taken)
  const convert = (side: Side): TypeSchema[] =>
    [...types].flatMap(([type, { [side]: schema }]) => {
      if (schema === undefined) return []
      const key = uniqueName(`${side === 'input' ? 'Input' : 'Output'}.${type}`)
      const { vendor, ...converted } = jsonSchema(schema, side)
      const { all, lost } = components(key, converted.schema, uniqueName)
      const what = converted.lost ?? (lost ? 'part' : null)
      if (what !== null) {
        const where = what === 'all' ? `the ${side}` : `part of the ${side}`
        log.warn(
          { err: converted.err, type, vendor },
          `OpenAPI document allows any value for ${where} of job type ${type}`,
        )
      }
      return [{ type, key, components: all }]
    })
  return { inputs: convert('input'), outputs: convert('output') }
}

/** Returns unique component names with the allowed characters only. Adds a number to a name that is taken. */
function uniqueNames(taken: Iterable<string>): (name: string) => string {
  const used = new Set(taken)
  return (wanted) => {
    const plain = wanted.replace(/[^\w.-]/g, '_')
    let name = plain
    for (let n = 2; used.has(name); n++) name = `${plain}-${n}`
    used.add(name)
    return name
  }
}

interface Convertible {
  '~standard'?: { vendor?: string; jsonSchema?: Record<Side, (options: object) => unknown> }
}

interface Converted {
  readonly vendor?: string | undefined
  readonly schema: unknown
  /** What allows any value because the library cannot express it in JSON Schema. */
  readonly lost: 'all' | 'part' | null
  readonly err?: unknown
}

/** Converts a schema through Standard JSON Schema. */
export function jsonSchema(schema: unknown, side: Side): Converted {
  const { vendor, jsonSchema: convert } = (schema as Convertible)['~standard'] ?? {}
  if (!convert) return { vendor, schema: {}, lost: 'all' }
  const unrepresentable = new Set<string>()
  const convertWith = (libraryOptions: object): unknown =>
    JSON.parse(JSON.stringify(convert[side]({ target: 'draft-2020-12', libraryOptions }))) as unknown
  try {
    const strict = convertWith(vendor === 'arktype' ? { fallback: recordFallbacks(unrepresentable) } : {})
    if (unrepresentable.size === 0) return { vendor, schema: strict, lost: null }
    const err = new Error(`arktype cannot represent in JSON Schema: ${[...unrepresentable].join(', ')}`)
    return { vendor, schema: strict, lost: 'part', err }
  } catch (err) {
    try {
      // This is an option of zod. A library that does not support it throws again or returns the same schema.
      return { vendor, schema: convertWith({ unrepresentable: 'any' }), lost: 'part', err }
    } catch {
      return { vendor, schema: {}, lost: 'all', err }
    }
  }
}

/** arktype drops what it cannot represent. A dropped predicate only narrows the type, so it needs no warning. */
const recordFallbacks = (unrepresentable: Set<string>) =>
  Object.fromEntries(
    ['date', 'domain', 'proto', 'unit', 'symbolKey', 'arrayObject'].map((code) => [
      code,
      ({ base }: { base: unknown }) => {
        unrepresentable.add(code)
        return base
      },
    ]),
  )
