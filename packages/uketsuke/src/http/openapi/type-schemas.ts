import type { Log } from '../../base/log.ts'
import { jsonSchema, type SchemaSide } from '../../definition/json-schema.ts'
import { components } from './schema-components.ts'

/** The schema of a job type's input or output: the name of its OpenAPI component, and the component with all that it references. */
export interface TypeSchema {
  readonly type: string
  readonly key: string
  readonly components: ReadonlyMap<string, unknown>
}

type Types = ReadonlyMap<string, { readonly input: unknown; readonly output?: unknown }>

/**
 * Converts the input schemas of all job types, and the output schemas of those that have one, to OpenAPI components. `taken` are the
 * component names already in use.
 */
export function typeSchemas(types: Types, taken: Iterable<string>, log: Pick<Log, 'warn'>) {
  const uniqueName = uniqueNames(taken)
  const convert = (side: SchemaSide): TypeSchema[] =>
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
