/** Cleans JSON Schema (2020-12) from schema libraries, so that OpenAPI tools accept it. */

import { isObject } from '../../domain/json.ts'

export type Schema = Record<string, unknown>
type Clean = (value: unknown) => unknown

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown) => typeof value === 'number'
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0
const isFlag = (value: unknown) => typeof value === 'boolean'
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
const isList = (value: unknown): value is unknown[] => Array.isArray(value) && value.length > 0
const types = new Set<unknown>(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'])
const isType = (value: unknown) => types.has(value) || (isList(value) && value.every((one) => types.has(one)))

function isPattern(value: unknown): boolean {
  if (!isText(value)) return false
  for (const flags of ['u', '']) {
    try {
      return Boolean(new RegExp(value, flags))
    } catch {
      // Try the next flag.
    }
  }
  return false
}

/** Tools resolve every `$ref`, even inside a default or an example. */
const mentionsRef = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ('$ref' in value || Object.values(value).some((inner) => mentionsRef(inner)))
const isLiteral = (value: unknown) => !mentionsRef(value)

const inner: Clean = (value) => (isFlag(value) ? value : isObject(value) ? cleanSchema(value) : undefined)
const innerList: Clean = (value) => (isList(value) ? value.map((one) => inner(one) ?? {}) : undefined)
const innerByName: Clean = (value) =>
  isObject(value)
    ? Object.fromEntries(
        Object.entries(value)
          // Request bodies must not contain this member.
          .filter(([name]) => name !== '__proto__')
          .map(([name, one]) => [name, inner(one) ?? {}]),
      )
    : undefined
const only =
  (fits: (value: unknown) => boolean): Clean =>
  (value) =>
    fits(value) ? value : undefined

/** The keywords that OpenAPI 3.1 tools support, each with a function that cleans its value, or returns undefined if it is invalid. */
const keywords = new Map<string, Clean>()
const define = (names: string, clean: Clean) => {
  for (const name of names.split(' ')) keywords.set(name, clean)
}
define('not if then else items contains propertyNames additionalProperties contentSchema', inner)
define('unevaluatedItems unevaluatedProperties', inner)
define('allOf anyOf oneOf prefixItems', innerList)
define('properties patternProperties dependentSchemas $defs definitions', innerByName)
define('minimum maximum exclusiveMinimum exclusiveMaximum', only(isNumber))
define(
  'multipleOf',
  only((value) => isNumber(value) && (value as number) > 0),
)
define('minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains', only(isCount))
define('$ref $comment title description format contentEncoding contentMediaType', only(isText))
define('deprecated readOnly writeOnly uniqueItems', only(isFlag))
define('type', only(isType))
define('pattern', only(isPattern))
define('required', only(isTexts))
define(
  'dependentRequired',
  only((value) => isObject(value) && Object.values(value).every(isTexts)),
)
define('const default', only(isLiteral))
define(
  'examples',
  only((value) => Array.isArray(value) && isLiteral(value)),
)
define('enum', (value) => (isList(value) && isLiteral(value) ? value : undefined))

/** Removes unknown keywords, such as a user's own metadata, and keywords with invalid values. */
export function cleanSchema(schema: Schema): Schema {
  const kept: [string, unknown][] = []
  for (const [name, value] of Object.entries(schema)) {
    const fit = name.startsWith('x-') && isLiteral(value) ? value : keywords.get(name)?.(value)
    if (fit !== undefined) kept.push([name, fit])
  }
  // An empty enum allows no value.
  if (Array.isArray(schema.enum) && schema.enum.length === 0) kept.push(['not', {}])
  const clean = Object.fromEntries(kept)
  return clean.type === 'array' ? withItems(clean) : clean
}

/** Some tools require `items` of each array, as a schema that is an object. */
function withItems(schema: Schema): Schema {
  if (isObject(schema.items)) return schema
  const length = isList(schema.prefixItems) ? schema.prefixItems.length : 0
  return { ...schema, items: {}, ...(schema.items === false && { maxItems: length }) }
}

const named = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions', 'additionalProperties']

/** Yields a schema and all its subschemas. With `around`, skips subschemas that apply to members of an object. */
export function* within(schema: unknown, around = false): Generator<Schema> {
  if (Array.isArray(schema)) for (const one of schema) yield* within(one, around)
  if (!isObject(schema)) return
  yield schema
  for (const [name, value] of Object.entries(schema)) {
    const clean = keywords.get(name)
    if (around && named.includes(name)) continue
    if (clean === inner || clean === innerList) yield* within(value, around)
    if (clean === innerByName) for (const one of Object.values(value as Schema)) yield* within(one, around)
  }
}
