import { isObject } from '../../domain/json.ts'
import { cleanSchema, type Schema, within } from './json-schema.ts'

const prefix = '#/components/schemas'

/** Moves the definitions of a schema to components: tools resolve `$ref` from the root of the document, and few support `$id`. */
export function components(key: string, input: unknown, uniqueName: (name: string) => string) {
  const schema = typeof input === 'boolean' ? (input ? {} : { not: {} }) : input
  if (!isObject(schema)) return { all: new Map([[key, {}]]), lost: true }
  const root = cleanSchema(schema)
  const all = new Map<string, Schema>([[key, root]])
  const keys = new Map<string, string>()
  for (const where of ['$defs', 'definitions']) {
    for (const [name, definition] of Object.entries(isObject(root[where]) ? root[where] : {})) {
      const own = uniqueName(`${key}.${name}`)
      keys.set(`${where}/${name}`, own)
      all.set(own, isObject(definition) ? definition : definition === false ? { not: {} } : {})
    }
    delete root[where]
  }
  let lost = false
  for (const one of [...all.values()].flatMap((component) => [...within(component)])) {
    if (typeof one.$ref !== 'string') continue
    const ref = movedRef(one.$ref, key, keys)
    if (resolves(ref, all)) one.$ref = ref
    else {
      delete one.$ref
      lost = true
    }
  }
  const done = new Set<string>()
  for (const name of all.keys()) breakCycles(name, all, [], done)
  return { all, lost }
}

function movedRef(ref: string, key: string, keys: ReadonlyMap<string, string>): string {
  const [first, where, definition = '', ...rest] = ref.split('/')
  if (first !== '#') return ref
  const own = spellings(definition).map((one) => keys.get(`${where}/${one}`))
  const name = own.find((one) => one !== undefined)
  return name === undefined ? `${prefix}/${key}${ref.slice(1)}` : [prefix, name, ...rest].join('/')
}

/** The possible meanings of a JSON Pointer token in a URL: not every library escapes percent signs. */
function spellings(token: string): string[] {
  const plain = (text: string) => text.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return [plain(token), plain(decodeURIComponent(token))]
  } catch {
    return [plain(token)]
  }
}

/** Whether a reference resolves. Other documents, anchors and ids are not supported. */
function resolves(ref: string, all: ReadonlyMap<string, Schema>): boolean {
  if (!ref.startsWith(`${prefix}/`)) return false
  const [name = '', ...tokens] = ref.slice(prefix.length + 1).split('/')
  let found: unknown = all.get(name)
  for (const token of tokens) {
    const own = spellings(token).find((one) => typeof found === 'object' && found !== null && Object.hasOwn(found, one))
    found = own === undefined ? undefined : (found as Schema)[own]
  }
  return typeof found === 'boolean' || isObject(found)
}

/**
 * TypeScript generators reject a type that contains itself without a named member between, such as an array of itself. Removes the
 * reference that would close the cycle, which then allows any value.
 */
function breakCycles(name: string, all: ReadonlyMap<string, Schema>, path: readonly string[], done: Set<string>): void {
  if (done.has(name)) return
  for (const schema of within(all.get(name), true)) {
    const next = typeof schema.$ref === 'string' ? schema.$ref.slice(prefix.length + 1) : ''
    if (!all.has(next)) continue
    if (next === name || path.includes(next)) delete schema.$ref
    else breakCycles(next, all, [...path, name], done)
  }
  done.add(name)
}
