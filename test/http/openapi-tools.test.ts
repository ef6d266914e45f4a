import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import SwaggerParser from '@apidevtools/swagger-parser'
import { Validator } from '@seriousme/openapi-schema-validator'
import { type } from 'arktype'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type JobTypes, job } from '../../packages/uketsuke/src/definition/define.ts'
import { createJobs, type Log, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = () => null
const tree = z.object({
  name: z.string(),
  get children() {
    return z.array(tree)
  },
})
const pair: z.ZodType = z.object({ left: tree, right: z.lazy(() => pair).optional() })
const wide = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, z.string()]))

const nest: z.ZodType = z.lazy(() => z.array(nest))
/** A schema library that returns this JSON Schema. */
const described = (schema: unknown) =>
  ({
    '~standard': {
      version: 1,
      vendor: 'mine',
      validate: (value: unknown) => ({ value }),
      jsonSchema: { input: () => schema },
    },
  }) as JobTypes[string]['input']

const inputs: Record<string, JobTypes[string]['input']> = {
  readme: z.object({ year: z.int() }),
  scalars: z.object({
    int: z.int(),
    float: z.number().min(0.5).lt(7).multipleOf(0.5),
    text: z
      .string()
      .min(1)
      .max(9)
      .regex(/^[a-z/\\"]+$/i),
    yes: z.boolean(),
    nothing: z.null(),
    email: z.email(),
    uuid: z.uuid(),
    url: z.url(),
    at: z.iso.datetime(),
    base64: z.base64(),
    ip: z.ipv6(),
    big: z.int32(),
  }),
  literals: z.object({
    one: z.literal(1),
    some: z.literal([1, 'a', null]),
    en: z.enum({ A: 'a', B: 2 }),
    t: z.templateLiteral(['a', z.number()]),
  }),
  unions: z.union([z.object({ a: z.string() }), z.array(z.int()), z.string(), z.null()]),
  discriminated: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), a: z.string() }),
    z.object({ kind: z.literal('b'), b: z.number().nullable() }),
  ]),
  intersection: z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })),
  recursive: tree,
  'mutually.recursive': pair,
  named: z.object({ a: z.string().meta({ id: 'My Name/~%' }), b: z.object({ c: z.string().meta({ id: 'other' }) }) }),
  described: z.object({
    a: z
      .string()
      .describe('text')
      .meta({ title: 'A', examples: ['x'], deprecated: true }),
  }),
  tuples: z.tuple([z.string(), z.number().optional()]).rest(z.boolean()),
  'empty-tuple': z.tuple([]),
  records: z.record(z.string(), z.record(z.enum(['a', 'b']), z.number())),
  partial: z.partialRecord(z.enum(['a', 'b']), z.number()),
  objects: z.object({
    loose: z.looseObject({}),
    strict: z.strictObject({ a: z.string() }),
    rest: z.object({}).catchall(z.int()),
  }),
  optional: z
    .object({
      a: z.string().optional(),
      b: z.string().nullish(),
      c: z.string().default('x'),
      d: z.string().catch('y'),
      e: z.string().prefault('z'),
    })
    .partial(),
  defaults: z.object({
    a: z.object({ b: z.string() }).default({ b: '#/nowhere' }),
    $defs: z.string(),
  }),
  transforms: z.object({
    a: z.string().transform((text) => text.length),
    b: z.string().pipe(z.transform(Number)),
    c: z.codec(z.string(), z.number(), { decode: Number, encode: String }),
  }),
  preprocessed: z.preprocess((value) => value, z.object({ a: z.string() })),
  refined: z.object({ a: z.string().refine((text) => text !== 'x') }).superRefine(() => {}),
  branded: z.object({ a: z.string().brand('id'), b: z.object({ c: z.int() }).readonly() }),
  coerced: z.object({ n: z.coerce.number(), b: z.coerce.boolean(), s: z.coerce.string() }),
  stringbool: z.object({ a: z.stringbool() }),
  anything: z.any(),
  unknown: z.unknown(),
  nothing: z.object({}),
  long: z.object(wide(200)),
  'zod.date': z.object({ at: z.coerce.date(), n: z.int() }),
  'zod.deep-date': z.object({ a: z.array(z.object({ at: z.date().optional(), tree })), n: z.int() }),
  'zod.void': z.void(),
  'zod.undefined': z.object({ a: z.undefined(), n: z.int() }),
  'zod.bigint': z.object({ a: z.bigint(), b: z.literal(1n), c: z.nan(), n: z.int() }),
  'zod.map': z.object({ a: z.map(z.string(), z.date()), b: z.set(z.string()), n: z.int() }),
  'zod.custom': z.object({ a: z.custom<string>(), b: z.instanceof(URL), c: z.symbol(), d: z.file(), n: z.int() }),
  'zod.never': z.object({ a: z.never().optional(), n: z.int() }),
  'ark.object': type({
    'a?': 'string | number',
    b: "'x' | 'y'",
    c: 'unknown[]',
    d: '1 <= number < 5',
    e: 'string.email',
  }),
  'ark.morph': type({ at: 'string.date.parse', n: 'string.numeric.parse' }),
  'ark.date': type({ at: 'Date', n: 'number' }),
  'ark.narrow': type({ a: type('string').narrow(() => true), n: 'number' }),
  'ark.tuple': type(['string', 'number', '...', 'boolean[]']),
  'ark.default': type({ n: 'number = 5', '[string]': 'unknown' }),
  'ark.recursive': type.module({ node: { name: 'string', 'next?': 'node' } }).node,
  'ark.union': type({ kind: "'a'", n: 'number' }).or({ kind: "'b'", s: 'string' }),
  'ark.any': type('unknown'),
  'valibot.object': v.object({ a: v.string(), b: v.optional(v.number()) }),
  'valibot.variant': v.variant('k', [v.object({ k: v.literal('a') }), v.object({ k: v.literal('b') })]),
  'valibot.date': v.object({
    at: v.pipe(
      v.string(),
      v.transform((text) => new Date(text)),
    ),
  }),
  'zod.default': z.object({ a: z.bigint().default(5n), b: z.date().default(new Date(0)), n: z.int() }),
  metadata: z.object({ a: z.string().meta({ mine: 1, 'x-mine': 2, nullable: 'no', required: true }) }),
  unbounded: z.object({ n: z.number().min(-Infinity).max(Infinity) }),
  'names-a-ref': z.object({
    a: z.looseObject({}).default({ $ref: '#/x' }),
    b: z.any().meta({ examples: [{ $ref: '#/x' }] }),
  }),
  proto: z.object({ ['__proto__']: z.string(), a: z.int() }),
  json: z.json(),
  'json.within': z.object({ data: z.json() }),
  nest: nest,
  'ark.instance': type({ at: type.instanceOf(URL), u: 'undefined', b: 'bigint', n: 'number' }),
  'ark.none': type({ 'a?': 'Date', '[string]': 'string | number' }),
  'ark.this': type({ name: 'string', 'kids?': 'this[]' }),
  'any.true': described(true),
  'any.false': described(false),
  'any.null': described(null),
  'any.list': described([]),
  'any.draft7': described({
    $ref: '#/definitions/c',
    definitions: { c: { type: 'object', properties: { x: { $ref: '#/definitions/c' } } } },
  }),
  'any.lost': described({
    type: 'object',
    properties: {
      a: { $ref: '#/$defs/none' },
      b: { $ref: 'https://example.com/schema.json' },
      c: { $ref: '#anchor' },
      d: { type: 'date', minLength: -1, pattern: '(' },
      n: { type: 'integer' },
    },
    $defs: { there: { $anchor: 'anchor' } },
  }),
  bare: { '~standard': { version: 1, vendor: 'mine', validate: (value: unknown) => ({ value }) } },
  failing: {
    '~standard': {
      version: 1,
      vendor: 'mine',
      validate: (value: unknown) => ({ value }),
      jsonSchema: {
        input() {
          throw new Error('never')
        },
      },
    },
  } as JobTypes[string]['input'],
  // Names that collide with each other or with the document's own components.
  'a:b': z.object({ colon: tree }),
  a_b: z.object({ underscore: tree }),
  a_3a_b: z.object({}),
  a: pair,
  'a.__schema0': z.object({}),
  NewJob: z.object({}),
  '..': z.object({}),
  '-': z.object({}),
  '9': z.object({}),
  [`${'long'.repeat(32)}`]: tree,
}

async function documentOf(jobs: JobTypes, log: Log = silentLog, options = {}) {
  const made = createJobs({ jobs, store: sqlite(':memory:'), log, authenticate: () => ({ owner: 'ann' }), ...options })
  try {
    const get = async () => await made.fetch(new Request('http://x/api/jobs/openapi.json'))
    await get()
    const text = await (await get()).text()
    return { text, document: JSON.parse(text) as Document }
  } finally {
    await made.close()
  }
}

interface Document {
  components: { schemas: Record<string, unknown> }
  [member: string]: unknown
}

const types = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, job({ input, run })]))
const lines: { type: string; message: string }[] = []
const log: Log = {
  ...silentLog,
  warn: (fields, message) => void lines.push({ ...(fields as { type: string }), message }),
  child: () => log,
}
const all = await documentOf(types, log)
const documents: Record<string, Document> = {
  'every shape': all.document,
  'the README’s example': (await documentOf({ report: types.readme! })).document,
  'no job types': (await documentOf({})).document,
  'a public URL': (
    await documentOf({ report: types.readme! }, silentLog, { publicUrl: 'https://example.com/app/jobs' })
  ).document,
}

let folder: string
const files = Object.keys(documents).map((_, i) => `${i}.json`)
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uketsuke-openapi-'))
  Object.values(documents).forEach((document, i) => {
    writeFileSync(join(folder, files[i]!), JSON.stringify(document))
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

const node = (args: string[]) =>
  promisify(execFile)(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', CI: 'true' },
  })

describe('the OpenAPI document is valid', () => {
  it.each(Object.keys(documents))('for swagger-parser and the official OpenAPI 3.1 schema: %s', async (name) => {
    await SwaggerParser.validate(structuredClone(documents[name]) as never)
    const { valid, errors } = await new Validator().validate(structuredClone(documents[name]!))
    expect([valid, errors ?? []]).toEqual([true, []])
  })

  it('for Redocly, without errors', async () => {
    const config = join(folder, 'redocly.yaml')
    writeFileSync(config, 'extends: [recommended]\n')
    const cli = join(root, 'node_modules/@redocly/cli/bin/cli.js')
    const args = ['lint', '--config', config, '--skip-rule', 'info-license', '--format', 'github-actions']
    const { stdout } = await node([cli, ...args, ...files]).catch((error) => error as { stdout: string })
    expect(stdout.split('\n').filter((line) => line.startsWith('::error'))).toEqual([])
    expect(stdout).toContain('::warning')
  })

  it('for Spectral, without errors', async () => {
    writeFileSync(join(folder, 'spectral.yaml'), 'extends: ["spectral:oas"]\n')
    const cli = join(root, 'node_modules/@stoplight/spectral-cli/dist/index.js')
    const args = ['lint', '--ruleset', 'spectral.yaml', '--fail-severity', 'error', '--format', 'json', ...files]
    const { stdout } = await node([cli, ...args]).catch((error) => error as { stdout: string })
    const findings = JSON.parse(stdout) as { severity: number; code: string; path: string[] }[]
    expect(findings.filter(({ severity }) => severity === 0)).toEqual([])
    expect(findings.length).toBeGreaterThan(0)
  })

  it('for @hey-api/openapi-ts, whose client compiles', async () => {
    const cli = join(root, 'node_modules/@hey-api/openapi-ts/dist/run.mjs')
    const five = join(root, 'tools/typescript5/register.mjs')
    const names = ['every shape', 'no job types', 'the README’s example']
    const made = names.map((name) => Object.keys(documents).indexOf(name))
    await Promise.all(
      made.map((i) =>
        node(['--import', five, cli, '-i', files[i]!, '-o', `client${i}`, '-c', '@hey-api/client-fetch']),
      ),
    )
    const readme = made[2]
    writeFileSync(
      join(folder, 'call.ts'),
      `import { createJob, getJob } from './client${readme}/index'
export const created = createJob({ body: { type: 'report', input: { year: 2015 } } })
export const status = getJob({ path: { jobId: 'id' } }).then(({ data }) => data?.status)
// @ts-expect-error a year is a number
void createJob({ body: { type: 'report', input: { year: 'x' } } })
`,
    )
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const options =
      '--noEmit --strict --module esnext --moduleResolution bundler --target es2022 --lib es2023,dom,dom.iterable'
    const clients = made.map((i) => `client${i}/index.ts`)
    const { stdout } = await node([tsc, ...options.split(' '), ...clients, 'call.ts']).catch(
      (error) => error as { stdout: string },
    )
    expect(stdout).toBe('')
  })

  it('for openapi-typescript, whose types compile and match the schemas', async () => {
    const cli = join(root, 'tools/typescript5/node_modules/openapi-typescript/bin/cli.js')
    const compiled = ['every shape', 'no job types'].map((name) => Object.keys(documents).indexOf(name))
    await Promise.all(compiled.map((i) => node([cli, files[i]!, '-o', `${i}.ts`])))
    writeFileSync(
      join(folder, 'use.ts'),
      `import type { components } from './0.js'
type Schemas = components['schemas']
export const year: Schemas['Input.readme'] = { year: 2015 }
export const tree: Schemas['Input.recursive'] = { name: 'a', children: [{ name: 'b', children: [] }] }
export const kept: Schemas['Input.zod.date'] = { at: 'any', n: 1 }
export const json: Schemas['Input.json'] = { a: [1, 'x', null, [true]] }
export const job: Schemas['NewJob'] = { type: 'readme', input: { year: 1 } } as Extract<Schemas['NewJob'], { type: 'readme' }>
// @ts-expect-error a year is a number
export const no: Schemas['Input.readme'] = { year: 'x' }
// @ts-expect-error children are trees
export const leaf: Schemas['Input.recursive'] = { name: 'a', children: ['b'] }
// @ts-expect-error the rest of a schema with a date is kept
export const lost: Schemas['Input.zod.date'] = { at: 'any', n: 'x' }
`,
    )
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const args = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      ...compiled.map((i) => `${i}.ts`),
    ]
    const { stdout } = await node([tsc, ...args, 'use.ts']).catch((error) => error as { stdout: string })
    expect(stdout).toBe('')
    expect(readFileSync(join(folder, '0.ts'), 'utf8')).toContain('"Input.readme"')
  })
})

describe('an input that JSON Schema cannot represent completely', () => {
  const { schemas } = all.document.components

  it('keeps the representable parts', () => {
    for (const name of Object.keys(inputs).filter((one) => /^zod\.(?!void|deep)/.test(one))) {
      expect([name, schemas[`Input.${name}`]]).toEqual([
        name,
        expect.objectContaining({
          properties: expect.objectContaining({ n: expect.objectContaining({ type: 'integer' }) }),
        }),
      ])
    }
    expect(schemas['Input.zod.date']).toMatchObject({ properties: { at: {} }, required: ['at', 'n'] })
    for (const name of ['ark.date', 'ark.instance'])
      expect(schemas[`Input.${name}`]).toMatchObject({ properties: { n: { type: 'number' } } })
    expect(schemas['Input.any.lost']).toMatchObject({ properties: { a: {}, b: {}, c: {}, n: { type: 'integer' } } })
    expect(schemas['Input.metadata']).toMatchObject({ properties: { a: { type: 'string', 'x-mine': 2 } } })
  })

  it('logs one warning', () => {
    const named = lines.map(({ type }) => type)
    expect(named).toEqual([...new Set(named)])
    expect(named).toEqual(
      expect.arrayContaining([
        ...['zod.date', 'zod.deep-date', 'zod.map', 'zod.default', 'valibot.object', 'bare', 'failing'],
        ...['ark.date', 'ark.instance', 'any.null', 'any.list', 'any.lost'],
      ]),
    )
    for (const name of ['readme', 'recursive', 'transforms', 'ark.object', 'ark.narrow', 'json', 'any.draft7'])
      expect(named).not.toContain(name)
    expect(lines.find(({ type }) => type === 'zod.date')?.message).toMatch(/part of the input of job type zod\.date$/)
  })
})

it('each job type has its own component, and all references resolve', () => {
  const { oneOf } = all.document.components.schemas.NewJob as {
    oneOf: { properties: { type: { const: string }; input: { $ref: string } } }[]
  }
  expect(oneOf.map(({ properties }) => properties.type.const)).toEqual(Object.keys(types))
  const refs = oneOf.map(({ properties }) => properties.input.$ref)
  expect(new Set(refs).size).toBe(refs.length)
  for (const name of Object.keys(all.document.components.schemas)) expect(name).toMatch(/^[\w.-]+$/)
  for (const [, ref = ''] of all.text.matchAll(/"\$ref":"(#\/components[^"]*)"/g)) {
    expect(all.document.components.schemas).toHaveProperty([ref.split('/')[3]!])
  }
})
