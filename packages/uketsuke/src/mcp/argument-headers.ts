import { assertConfiguration } from '../base/assert.ts'
import { isObject } from '../domain/json.ts'
import type { HttpRequest } from '../http/request.ts'
import { mustRepeat } from './header-fields.ts'

/** An argument that clients repeat in a header field, by which proxies route calls without reading bodies. */
export interface ArgumentHeader {
  readonly field: string
  /** The members that lead to the argument. */
  readonly path: readonly string[]
}

/** The keyword of a schema that names the field, without its prefix. */
const keyword = 'x-mcp-header'
const types: readonly unknown[] = ['string', 'integer', 'number', 'boolean']

/**
 * The arguments of a tool with the keyword `x-mcp-header`.
 * @throws {UketsukeError} `invalid-configuration` where clients would reject the tool
 */
export function argumentHeaders(tool: string, schema: object): ArgumentHeader[] {
  const found = declared(schema, [])
  const say = (sentence: string) => `mcp(): ${keyword} of the tool ${tool} ${sentence}`
  const fields = found.map(({ field, type }) => {
    assertConfiguration(/^[!#$%&'*+.^_`|~\w-]{1,100}$/.test(field), say(`is no name of a header field: ${field}`))
    assertConfiguration(types.includes(type), say(`must be at a text, a number or a boolean: ${field}`))
    return field.toLowerCase()
  })
  assertConfiguration(new Set(fields).size === fields.length, say('has the same name twice'))
  assertConfiguration(
    found.length === occurrences(schema),
    say('must be at a property itself, in no list and no choice'),
  )
  return found.map(({ field, path }) => ({ field: `Mcp-Param-${field}`, path }))
}

/** Those that are reached by way of `properties` alone. */
function declared(
  schema: unknown,
  path: readonly string[],
): { field: string; type: unknown; path: readonly string[] }[] {
  if (!isObject(schema)) return []
  const { [keyword]: field, type, properties } = schema
  const own = typeof field === 'string' && path.length > 0 ? [{ field, type, path }] : []
  const inner = isObject(properties) ? Object.entries(properties) : []
  return own.concat(inner.flatMap(([name, property]) => declared(property, [...path, name])))
}

function occurrences(schema: unknown): number {
  if (typeof schema !== 'object' || schema === null) return 0
  const own = typeof (schema as Record<string, unknown>)[keyword] === 'string' ? 1 : 0
  return Object.values(schema).reduce((sum: number, inner) => sum + occurrences(inner), own)
}

/** Checks that the header fields repeat the arguments. One that is absent or null has no field. @throws {RpcError} */
export function checkArgumentHeaders(
  request: HttpRequest,
  headers: readonly ArgumentHeader[],
  given: Record<string, unknown>,
): void {
  for (const { field, path } of headers) {
    const value = path.reduce<unknown>((at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : null), given)
    // The schema refuses other values.
    if (isPrimitive(value)) mustRepeat(field, request.header(field.toLowerCase()), value)
  }
}

const isPrimitive = (value: unknown): value is string | number | boolean | null =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)
