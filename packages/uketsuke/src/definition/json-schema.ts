/** What a schema accepts, or what it makes of that. */
export type SchemaSide = 'input' | 'output'

interface Convertible {
  '~standard'?: { vendor?: string; jsonSchema?: Record<SchemaSide, (options: object) => unknown> }
}

interface Converted {
  readonly vendor?: string | undefined
  readonly schema: unknown
  /** What allows any value because the library cannot express it in JSON Schema. */
  readonly lost: 'all' | 'part' | null
  readonly err?: unknown
}

/** Converts a schema through Standard JSON Schema. */
export function jsonSchema(schema: unknown, side: SchemaSide): Converted {
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
