import { UketsukeError, type Violation } from './errors.ts'
import { isObject, pointerToken } from './json.ts'

/** What a user fills in: a flat object of texts, numbers, booleans and choices, as the subset of JSON Schema that every client can show. */
export interface Form {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, Field>>
  readonly required?: readonly string[]
}

type Schema = Readonly<Record<string, unknown>>

/** One property of a form, with the keywords that its type allows. */
interface Field extends Schema {
  readonly type: 'string' | 'number' | 'integer' | 'boolean' | 'array'
}

/** A value that can be chosen, with its title for people. */
interface Choice {
  readonly const: string
  readonly title?: string
}

export const emptyForm: Form = { type: 'object', properties: {} }

/**
 * Makes a form of a JSON Schema. Keywords that a form has no place for are left out, since the answer is checked by the schema itself, too.
 * @throws `invalid-question` if it is no object, or has a property that is no text, number, boolean or choice
 */
export function formOf(schema: unknown): Form {
  if (!isObject(schema) || schema.type !== 'object')
    throw new UketsukeError('invalid-question', 'The schema of a question must be an object with the fields of a form.')
  const { properties, required } = schema
  const fields = Object.entries(isObject(properties) ? properties : {}).map(([name, property]) => {
    const field = fieldOf(isObject(property) ? property : {})
    if (field !== null) return [name, field]
    const sentence = `The field ${name} of a question must be a text, a number, a boolean, a choice or a list of choices.`
    throw new UketsukeError('invalid-question', sentence)
  })
  const form = { type: 'object' as const, properties: Object.fromEntries(fields) }
  return Array.isArray(required) ? { ...form, required } : form
}

const formats: readonly unknown[] = ['email', 'uri', 'date', 'date-time']

function fieldOf(schema: Schema): Field | null {
  const about = picked(schema, ['title', 'description', 'default'])
  const choices = choicesOf(schema)
  if (choices !== null) return { type: 'string', ...about, ...shown(choices, 'oneOf') }
  switch (schema.type) {
    case 'boolean':
      return { type: 'boolean', ...about }
    case 'number':
    case 'integer':
      return { type: schema.type, ...about, ...picked(schema, ['minimum', 'maximum']) }
    case 'string': {
      const { format, pattern, ...length } = picked(schema, ['minLength', 'maxLength', 'format', 'pattern'])
      const usable = { ...(formats.includes(format) && { format }), ...(isPattern(pattern) && { pattern }) }
      return { type: 'string', ...about, ...length, ...usable }
    }
    case 'array': {
      const items = isObject(schema.items) ? choicesOf(schema.items) : null
      if (items === null) return null
      return { type: 'array', ...about, ...picked(schema, ['minItems', 'maxItems']), items: shown(items, 'anyOf') }
    }
    default:
      return null
  }
}

/** Null for a schema that does not list its values. */
function choicesOf({ enum: values, const: value, oneOf, anyOf }: Schema): readonly Choice[] | null {
  const all = values ?? (value === undefined ? (oneOf ?? anyOf) : [value])
  if (!Array.isArray(all) || all.length === 0) return null
  const choices = all.map((one: unknown) => (isObject(one) ? picked(one, ['const', 'title']) : { const: one }))
  return choices.every((one) => typeof one.const === 'string') ? (choices as unknown as Choice[]) : null
}

/** Choices with titles are listed under another keyword. */
const shown = (choices: readonly Choice[], titled: 'oneOf' | 'anyOf'): Schema =>
  choices.some(({ title }) => title !== undefined)
    ? { [titled]: choices.map((one) => ({ title: one.const, ...one })) }
    : { ...(titled === 'anyOf' && { type: 'string' }), enum: choices.map((one) => one.const) }

/** Checks what a user has filled in, and leaves out what the form does not ask for. */
export function filledIn(form: Form, given: unknown): { content: Record<string, unknown>; errors: Violation[] } {
  if (!isObject(given)) return { content: {}, errors: [{ pointer: '', detail: 'It must be an object.' }] }
  const [content, errors]: [[string, unknown][], Violation[]] = [[], []]
  for (const [name, field] of Object.entries(form.properties)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    const detail = value === undefined ? missing(form, name) : mistake(field, value)
    if (detail !== null) errors.push({ pointer: `/${pointerToken(name)}`, detail })
    else if (value !== undefined) content.push([name, value])
  }
  return { content: Object.fromEntries(content), errors }
}

const missing = ({ required = [] }: Form, name: string) => (required.includes(name) ? 'It is required.' : null)

function mistake(field: Field, value: unknown): string | null {
  switch (field.type) {
    case 'boolean':
      return typeof value === 'boolean' ? null : 'It must be true or false.'
    case 'number':
    case 'integer':
      if (typeof value !== 'number' || (field.type === 'integer' && !Number.isInteger(value)))
        return `It must be ${field.type === 'integer' ? 'an integer' : 'a number'}.`
      return outside(value, field.minimum, field.maximum, '')
    case 'array': {
      const choices = choicesOf(field.items as Schema)
      if (!Array.isArray(value) || !value.every((one) => isChoice(choices, one))) return 'It must be a list of choices.'
      return outside(value.length, field.minItems, field.maxItems, ' choices')
    }
    case 'string': {
      if (typeof value !== 'string') return 'It must be a text.'
      const choices = choicesOf(field)
      if (choices !== null) return isChoice(choices, value) ? null : 'It must be one of the choices.'
      const wrong = outside([...value].length, field.minLength, field.maxLength, ' characters')
      if (wrong !== null || !isPattern(field.pattern)) return wrong
      return new RegExp(field.pattern, 'u').test(value) ? null : 'It does not match the pattern.'
    }
  }
}

const isChoice = (choices: readonly Choice[] | null, value: unknown) =>
  choices?.some((one) => one.const === value) === true

function outside(size: number, least: unknown, most: unknown, unit: string): string | null {
  if (typeof least === 'number' && size < least) return `It must be at least ${least}${unit}.`
  return typeof most === 'number' && size > most ? `It must be at most ${most}${unit}.` : null
}

/** Patterns are written for other engines, too. */
function isPattern(pattern: unknown): pattern is string {
  try {
    return typeof pattern === 'string' && new RegExp(pattern, 'u') !== null
  } catch {
    return false
  }
}

const picked = (schema: Schema, keys: readonly string[]): Schema =>
  Object.fromEntries(keys.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]]))
