import { cleanSchema, isObject, type Schema, within } from './json-schema.ts'

const place = '#/components/schemas'

/** The schema with its definitions beside it: tools look up every `$ref` from the root of the document, and few heed an `$id`. */
export function components(key: string, given: unknown, free: (wanted: string) => string) {
  const schema = typeof given === 'boolean' ? (given ? {} : { not: {} }) : given
  if (!isObject(schema)) return { all: new Map([[key, {}]]), lost: true }
  const root = cleanSchema(schema)
  const all = new Map<string, Schema>([[key, root]])
  const keys = new Map<string, string>()
  for (const where of ['$defs', 'definitions']) {
    for (const [name, definition] of Object.entries(isObject(root[where]) ? root[where] : {})) {
      const own = free(`${key}.${name}`)
      keys.set(`${where}/${name}`, own)
      all.set(own, isObject(definition) ? definition : definition === false ? { not: {} } : {})
    }
    delete root[where]
  }
  let lost = false
  for (const one of [...all.values()].flatMap((component) => [...within(component)])) {
    if (typeof one.$ref !== 'string') continue
    const ref = movedRef(one.$ref, key, keys)
    if (leads(ref, all)) one.$ref = ref
    else {
      delete one.$ref
      lost = true
    }
  }
  const done = new Set<string>()
  for (const name of all.keys()) cutCircles(name, all, [], done)
  return { all, lost }
}

function movedRef(ref: string, key: string, keys: ReadonlyMap<string, string>): string {
  const [first, where, definition = '', ...rest] = ref.split('/')
  if (first !== '#') return ref
  const own = spellings(definition).map((one) => keys.get(`${where}/${one}`))
  const name = own.find((one) => one !== undefined)
  return name === undefined ? `${place}/${key}${ref.slice(1)}` : [place, name, ...rest].join('/')
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

/** Whether there is something where a reference leads; other documents, anchors and ids are not followed. */
function leads(ref: string, all: ReadonlyMap<string, Schema>): boolean {
  if (!ref.startsWith(`${place}/`)) return false
  const [name = '', ...tokens] = ref.slice(place.length + 1).split('/')
  let found: unknown = all.get(name)
  for (const token of tokens) {
    const own = spellings(token).find((one) => typeof found === 'object' && found !== null && Object.hasOwn(found, one))
    found = own === undefined ? undefined : (found as Schema)[own]
  }
  return typeof found === 'boolean' || isObject(found)
}

/**
 * A type that contains itself with no member's name between, such as an array of itself, is one that TypeScript refuses to generate from:
 * what would close the circle may be anything.
 */
function cutCircles(name: string, all: ReadonlyMap<string, Schema>, path: readonly string[], done: Set<string>): void {
  if (done.has(name)) return
  for (const schema of within(all.get(name), true)) {
    const next = typeof schema.$ref === 'string' ? schema.$ref.slice(place.length + 1) : ''
    if (!all.has(next)) continue
    if (next === name || path.includes(next)) delete schema.$ref
    else cutCircles(next, all, [...path, name], done)
  }
  done.add(name)
}
