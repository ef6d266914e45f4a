import type { Log } from '../../base/log.ts'
import { components } from './schema-components.ts'

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
    const { vendor, ...made } = jsonSchema(input)
    const { all, lost } = components(key, made.schema, free)
    const what = made.lost ?? (lost ? 'a part of the input' : null)
    if (what !== null) {
      const sentence = `The OpenAPI document describes ${what} of the job type ${type} as anything.`
      log.warn({ err: made.err, type, vendor }, sentence)
    }
    return { type, key, components: all }
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

interface Made {
  readonly vendor?: string | undefined
  readonly schema: unknown
  /** What of it may be anything, since the library has no JSON Schema for it. */
  readonly lost: 'the input' | 'a part of the input' | null
  readonly err?: unknown
}

/** By Standard JSON Schema. */
function jsonSchema(schema: unknown): Made {
  const { vendor, jsonSchema: convert } = (schema as Convertible)['~standard'] ?? {}
  if (!convert) return { vendor, schema: {}, lost: 'the input' }
  const unsaid = new Set<string>()
  const made = (libraryOptions: object): unknown =>
    JSON.parse(JSON.stringify(convert.input({ target: 'draft-2020-12', libraryOptions }))) as unknown
  try {
    const strict = made(vendor === 'arktype' ? { fallback: noting(unsaid) } : {})
    if (unsaid.size === 0) return { vendor, schema: strict, lost: null }
    const err = new Error(`arktype has no JSON Schema for ${[...unsaid].join(', ')}`)
    return { vendor, schema: strict, lost: 'a part of the input', err }
  } catch (err) {
    try {
      // zod's option; a library that does not know it throws again, or has said all it can.
      return { vendor, schema: made({ unrepresentable: 'any' }), lost: 'a part of the input', err }
    } catch {
      return { vendor, schema: {}, lost: 'the input', err }
    }
  }
}

/** arktype leaves out by itself what it cannot say. What only narrows the rest, such as a predicate, is not worth a warning. */
const noting = (unsaid: Set<string>) =>
  Object.fromEntries(
    ['date', 'domain', 'proto', 'unit', 'symbolKey', 'arrayObject'].map((code) => [
      code,
      ({ base }: { base: unknown }) => {
        unsaid.add(code)
        return base
      },
    ]),
  )
