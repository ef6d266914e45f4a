import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * The layers, lowest first: a part of `src/` imports from parts of lower layers only, types included. Two parts of one layer do not
 * import each other. So there is no cycle between parts.
 */
const layers = [
  ['domain'],
  ['base'],
  ['definition', 'tracing'],
  ['redis', 'store'],
  ['dispatch', 'files', 'metrics', 'notify', 'quota', 'statistics'],
  ['output', 'transport'],
  ['accept', 'work'],
  ['schedule', 'service'],
  ['http'],
  ['auth', 'dashboard', 'mcp'],
  ['api'],
  ['client', 'index', 'store-migration', 'testing'],
  ['cli'],
]

interface Import {
  readonly target: string
  readonly typeOnly: boolean
}

/** Every module that a source text names, and whether nothing but types comes from it. */
function importsOf(source: string): Import[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
  const names = String.raw`(\{[^}]*\}|[\w*][\w\s*,]*(?:\{[^}]*\})?)`
  const statement = new RegExp(String.raw`^(?:import|export)\s+(type\s+)?(?:${names}\s*from\s*)?'([^']+)'`, 'gm')
  const statements = [...code.matchAll(statement)]
  const calls = [...code.matchAll(/\b(?:import|getBuiltinModule\?\.|require)\(\s*'([^']+)'/g)]
  return [
    ...statements.map(([, type, names = '', target = '']) => ({
      target,
      typeOnly: type !== undefined || /^\{(\s*type\s+\w+(\s+as\s+\w+)?\s*,?)+\s*\}$/.test(names),
    })),
    ...calls.map(([, target = '']) => ({ target, typeOnly: false })),
  ]
}

const partOf = (path: string) => path.split(sep)[0]!.replace(/\.ts$/, '')
const layerOf = (part: string) => layers.findIndex((layer) => layer.includes(part))

/** What is wrong with one file, a sentence each. `path` is relative to `src/`. */
function violations(path: string, source: string): string[] {
  const part = partOf(path)
  if (layerOf(part) === -1) return [`${path}: ${part} has no layer`]
  return importsOf(source).flatMap(({ target, typeOnly }) => {
    if (!target.startsWith('.')) {
      const allowed = part !== 'domain' || (typeOnly && target === '@uketsuke/client')
      return allowed ? [] : [`${path}: domain imports ${target} from outside`]
    }
    const other = partOf(normalize(join(dirname(path), target)))
    if (other === part || layerOf(other) < layerOf(part)) return []
    return [`${path}: ${part} imports ${typeOnly ? 'types ' : ''}from ${other}`]
  })
}

/** Each circle of imports, by the way around it. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) found.push([...way.slice(way.indexOf(path)), path].join(' → '))
    else if (!done.has(path)) for (const next of imports.get(path) ?? []) visit(next, [...way, path])
    done.add(path)
  }
  for (const path of imports.keys()) visit(path, [])
  return found
}

const src = new URL('../../packages/uketsuke/src/', import.meta.url)
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !/\.test(-d)?\.ts$/.test(path),
)

describe('the direction of dependencies', () => {
  test('every file imports from lower layers only', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(files.flatMap((path) => violations(path, readFileSync(new URL(path, src), 'utf8')))).toEqual([])
  })

  test('no two files import each other, however indirectly, types included', () => {
    const imports = new Map(
      files.map((path) => {
        const targets = importsOf(readFileSync(new URL(path, src), 'utf8')).map(({ target }) => target)
        return [path, targets.filter((one) => one.startsWith('.')).map((one) => normalize(join(dirname(path), one)))]
      }),
    )
    expect(circles(imports)).toEqual([])
    expect(circles(new Map(Object.entries({ a: ['b'], b: ['c'], c: ['a', 'd'], d: [] })))).toEqual(['a → b → c → a'])
  })

  test.each([
    [
      'domain/rules.ts',
      "import { randomUUID } from 'node:crypto'\n",
      'domain/rules.ts: domain imports node:crypto from outside',
    ],
    [
      'domain/rules.ts',
      "import { createClient } from '@uketsuke/client'",
      'domain/rules.ts: domain imports @uketsuke/client from outside',
    ],
    [
      'domain/rules.ts',
      "import type { Clock } from '../base/clock.ts'",
      'domain/rules.ts: domain imports types from base',
    ],
    ['store/port.ts', "export { rescue } from '../dispatch/rescuer.ts'", 'store/port.ts: store imports from dispatch'],
    [
      'store/sqlite/index.ts',
      "import {\n  a,\n  type B,\n} from '../../service.ts'",
      'store/sqlite/index.ts: store imports from service',
    ],
    ['notify/watch.ts', "import '../dispatch/rescuer.ts'", 'notify/watch.ts: notify imports from dispatch'],
    ['accept/accept.ts', "const a = await import('../work/worker.ts')", 'accept/accept.ts: accept imports from work'],
    ['work/workers.ts', "import { checkOptions } from '../api/options.ts'", 'work/workers.ts: work imports from api'],
    [
      'service.ts',
      "import { type A, type B as C } from './http/route.ts'",
      'service.ts: service imports types from http',
    ],
    ['utils/text.ts', '', 'utils/text.ts: utils has no layer'],
  ])('a made-up %s that breaks the rule is found: %#', (path, source, sentence) => {
    expect(violations(path, source)).toEqual([sentence])
  })

  test('what the rule allows is left alone, and so is what a comment says', () => {
    const source = `
/** import { x } from '../api/options.ts' */
// import { y } from '../api/options.ts'
import { undici } from 'undici'
import { sleep } from '../base/clock.ts'
import { Wakeup } from '../base/wakeup.ts'
`
    expect(violations('work/fetcher.ts', source)).toEqual([])
  })
})
