import { describe, expect, it } from 'vitest'
import { type Form, filledIn, formOf } from './form.ts'

const object = (properties: object, required?: string[]) => formOf({ type: 'object', properties, required })
const fieldOf = (schema: object) => object({ it: schema }).properties.it

describe('a form of a JSON Schema', () => {
  it('keeps what a form can show, and leaves out the rest', () => {
    const about = { title: 'T', description: 'D', default: 'x' }
    const string = { type: 'string', minLength: 1, maxLength: 9, format: 'email', pattern: '^a' }
    expect(fieldOf({ ...string, ...about, contentEncoding: 'base64' })).toEqual({ ...string, ...about })
    expect(fieldOf({ type: 'string', format: 'ipv4', pattern: '[' })).toEqual({ type: 'string' })
    expect(fieldOf({ type: 'integer', minimum: 1, maximum: 2, multipleOf: 1 })).toEqual({
      type: 'integer',
      minimum: 1,
      maximum: 2,
    })
    expect(fieldOf({ type: 'number', exclusiveMinimum: 1 })).toEqual({ type: 'number' })
    expect(fieldOf({ type: 'boolean', default: false })).toEqual({ type: 'boolean', default: false })
    expect(object({ a: { type: 'boolean' } }, ['a'])).toEqual({
      type: 'object',
      properties: { a: { type: 'boolean' } },
      required: ['a'],
    })
    expect(formOf({ type: 'object', $schema: 'x', additionalProperties: false })).toEqual({
      type: 'object',
      properties: {},
    })
  })

  it('shows choices, with titles if there are any', () => {
    expect(fieldOf({ type: 'string', enum: ['a', 'b'] })).toEqual({ type: 'string', enum: ['a', 'b'] })
    expect(fieldOf({ type: 'string', const: 'a' })).toEqual({ type: 'string', enum: ['a'] })
    const titled = [{ const: 'a', title: 'A', type: 'string' }, { const: 'b' }]
    const both = [
      { const: 'a', title: 'A' },
      { const: 'b', title: 'b' },
    ]
    expect(fieldOf({ anyOf: titled })).toEqual({ type: 'string', oneOf: both })
    expect(fieldOf({ type: 'array', maxItems: 1, items: { oneOf: titled } })).toEqual({
      type: 'array',
      maxItems: 1,
      items: { anyOf: both },
    })
    expect(fieldOf({ type: 'array', items: { enum: ['a'] } })).toEqual({
      type: 'array',
      items: { type: 'string', enum: ['a'] },
    })
  })

  it('is refused for what a form cannot show', () => {
    for (const schema of [null, [], 'x', {}, { type: 'array' }])
      expect(() => formOf(schema)).toThrow('must be an object')
    for (const field of [
      ...[null, {}, { type: 'object' }, { type: 'null' }, { type: 'array' }, { enum: [] }, { enum: [1] }],
      ...[{ type: 'array', items: { type: 'string' } }, { anyOf: [{ type: 'string' }, { type: 'null' }] }],
    ])
      expect(() => object({ it: field }), JSON.stringify(field)).toThrow('The field it of a question')
  })
})

describe('a form that is filled in', () => {
  const form: Form = object(
    {
      text: { type: 'string', minLength: 2, maxLength: 3, pattern: '^[^x]*$' },
      number: { type: 'number', minimum: 1, maximum: 2 },
      integer: { type: 'integer' },
      boolean: { type: 'boolean' },
      choice: { enum: ['a', 'b'] },
      list: { type: 'array', minItems: 1, items: { oneOf: [{ const: 'a', title: 'A' }] } },
      'a/b~': { type: 'string' },
    },
    ['boolean', 'a/b~'],
  )
  const needed = { boolean: true, 'a/b~': '' }

  it('has what it asks for, and no more', () => {
    const all = { text: '😀😀', number: 1.5, integer: 3, choice: 'b', list: ['a'], ...needed }
    expect(filledIn(form, { ...all, more: 1 })).toEqual({ content: all, errors: [] })
    expect(filledIn(form, needed)).toEqual({ content: needed, errors: [] })
    expect(filledIn({ type: 'object', properties: {} }, { more: 1 })).toEqual({ content: {}, errors: [] })
  })

  it.each([
    ['text', 1, 'It must be a text.'],
    ['text', 'a', 'It must be at least 2 characters.'],
    ['text', 'aaaa', 'It must be at most 3 characters.'],
    ['text', 'ax', 'It does not match the pattern.'],
    ['number', '1', 'It must be a number.'],
    ['number', 0, 'It must be at least 1.'],
    ['number', 3, 'It must be at most 2.'],
    ['integer', 1.5, 'It must be an integer.'],
    ['boolean', 'true', 'It must be true or false.'],
    ['choice', 'c', 'It must be one of the choices.'],
    ['list', 'a', 'It must be a list of choices.'],
    ['list', ['b'], 'It must be a list of choices.'],
    ['list', [], 'It must be at least 1 choices.'],
  ])('has a mistake where %s is %j', (name, value, detail) => {
    expect(filledIn(form, { ...needed, [name]: value }).errors).toEqual([{ pointer: `/${name}`, detail }])
  })

  it('lacks what is required', () => {
    const detail = 'It is required.'
    expect(filledIn(form, {}).errors).toEqual([
      { pointer: '/boolean', detail },
      { pointer: '/a~1b~0', detail },
    ])
    expect(filledIn(form, []).errors).toEqual([{ pointer: '', detail: 'It must be an object.' }])
  })
})
