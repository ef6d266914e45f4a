import type { Log } from '../log.ts'

type Schema = Record<string, unknown>

/** Of one job type: the name of its component in the OpenAPI document, and that component with those that it refers to. */
export interface InputSchema {
  readonly type: string
  readonly key: string
  readonly components: ReadonlyMap<string, unknown>
}

/** The inputs of all job types as components of one OpenAPI document. `taken` are the names that are not free. */
export function inputSchemas(
  types: ReadonlyMap<string, { readonly input: unknown }>,
  taken: Iterable<string>,
  log: Pick<Log, 'warn'>,
): InputSchema[] {
  const free = names(taken)
  return [...types].map(([type, { input }]) => {
    const key = free(`Input.${type}`)
    return { type, key, components: components(key, jsonSchema(type, input, log), free) }
  })
}

/** Gives each name once, in the characters that a component may have; two that would be the same get numbers. */
function names(taken: Iterable<string>): (wanted: string) => string {
  const given = new Set(taken)
  return (wanted) => {
    const plain = wanted.replace(/[^\w.-]/g, '_')
    let name = plain
    for (let n = 2; given.has(name); n++) name = `${plain}-${n}`
    given.add(name)
    return name
  }
}

interface Convertible {
  '~standard'?: { vendor?: string; jsonSchema?: { input(options: object): unknown } }
}

/** By Standard JSON Schema. What the library has no JSON Schema for may be anything, and the operator is told. */
function jsonSchema(type: string, schema: unknown, log: Pick<Log, 'warn'>): unknown {
  const { vendor, jsonSchema: convert } = (schema as Convertible)['~standard'] ?? {}
  const made = (libraryOptions?: object): unknown => {
    const given = convert?.input({ target: 'draft-2020-12', ...(libraryOptions && { libraryOptions }) })
    return JSON.parse(JSON.stringify(given)) as unknown
  }
  const tell = (err: unknown, what: string) =>
    log.warn({ err, type, vendor }, `The OpenAPI document describes ${what} of the job type ${type} as anything.`)
  if (!convert) {
    tell(undefined, 'the input')
    return {}
  }
  try {
    return made()
  } catch (strict) {
    try {
      // zod's option; a library that does not know it throws again, or has said all it can.
      const rest = made({ unrepresentable: 'any' })
      tell(strict, 'a part of the input')
      return rest
    } catch {
      tell(strict, 'the input')
      return {}
    }
  }
}

/** The schema with its `$defs` beside it: tools look up every `$ref` from the root of the document, and few heed an `$id`. */
function components(key: string, schema: unknown, free: (wanted: string) => string): Map<string, unknown> {
  if (!isObject(schema)) return new Map([[key, schema]])
  const { $schema: _, $id: __, $defs, ...root } = schema
  const defs = isObject($defs) ? Object.entries($defs) : []
  const keys = new Map(defs.map(([name]) => [name, free(`${key}.${name}`)]))
  const moved = (ref: string) => movedRef(ref, key, keys)
  const all = [[key, rewritten(root, moved)] as const]
  for (const [name, def] of defs) all.push([keys.get(name) as string, rewritten(def, moved)])
  return new Map(all)
}

function movedRef(ref: string, key: string, keys: ReadonlyMap<string, string>): string {
  if (ref !== '#' && !ref.startsWith('#/')) return ref
  const [, first = '', second = '', ...rest] = ref.split('/')
  const name =
    first === '$defs'
      ? spellings(second)
          .map((one) => keys.get(one))
          .find((one) => one !== undefined)
      : undefined
  if (name !== undefined) return ['#/components/schemas', name, ...rest].join('/')
  return `#/components/schemas/${key}${ref.slice(1)}`
}

/** What a token of a pointer in a URL can stand for: not every library escapes a percent sign. */
function spellings(token: string): string[] {
  const plain = (text: string) => text.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return [plain(token), plain(decodeURIComponent(token))]
  } catch {
    return [plain(token)]
  }
}

const ofOne = [
  'items',
  'additionalProperties',
  'not',
  'contains',
  'propertyNames',
  'if',
  'then',
  'else',
  'contentSchema',
]
const ofList = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const nested = new Set([...ofOne, ...ofList, 'unevaluatedItems', 'unevaluatedProperties'])
const byName = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'])

/** Only where a schema can stand: a default or an example may have a member that is named `$ref`. */
function rewritten(schema: unknown, moved: (ref: string) => string): unknown {
  if (Array.isArray(schema)) return schema.map((one) => rewritten(one, moved))
  if (!isObject(schema)) return schema
  return mapped(schema, (name, value) => {
    if (name === '$ref' && typeof value === 'string') return moved(value)
    if (nested.has(name)) return rewritten(value, moved)
    if (byName.has(name) && isObject(value)) return mapped(value, (_, one) => rewritten(one, moved))
    return value
  })
}

const mapped = (object: Schema, fn: (name: string, value: unknown) => unknown): Schema =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, fn(name, value)]))

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
