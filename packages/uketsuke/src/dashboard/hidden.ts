import { parse, stringify } from 'lossless-json'
import { assertConfiguration } from '../base/assert.ts'

type Part = 'input' | 'output' | 'metadata'
const parts = ['input', 'output', 'metadata']
const mask = '•••'

/** What the dashboard does not show. */
export interface Hidden {
  /** JSON text without what is hidden. Null if all of it is. */
  shown(part: Part, text: string | null): string | null
  /** Whether this path, or something in it, is hidden. */
  covers(path: readonly string[]): boolean
}

/** @throws {UketsukeError} `invalid-configuration` */
export function hiddenBy(rules: readonly string[] = []): Hidden {
  assertConfiguration(Array.isArray(rules), 'dashboard(): hide must be an array of paths such as "input.password"')
  const paths = rules.map((rule) => {
    const path = typeof rule === 'string' ? rule.split('.') : []
    assertConfiguration(
      parts.includes(path[0] ?? '') && !path.includes(''),
      `dashboard(): hide: ${JSON.stringify(rule)} must begin with input, output or metadata, such as "input.password"`,
    )
    return path
  })
  return {
    shown(part, text) {
      const mine = paths.filter(([first]) => first === part).map((path) => path.slice(1))
      if (text === null || mine.length === 0) return text
      if (mine.some((path) => path.length === 0)) return null
      try {
        // Big integers stay exact.
        const value = parse(text)
        for (const path of mine) cover(value, path)
        return stringify(value) ?? null
      } catch {
        return null
      }
    },
    covers: (wanted) => paths.some((path) => overlaps(path, wanted)),
  }
}

const overlaps = (path: readonly string[], wanted: readonly string[]) =>
  wanted.every((name, i) => i >= path.length || path[i] === '*' || path[i] === name)

function cover(value: unknown, [name = '', ...rest]: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return
  const members = value as Record<string, unknown>
  for (const member of name === '*' ? Object.keys(members) : [name]) {
    if (!Object.hasOwn(members, member)) continue
    if (rest.length === 0) members[member] = mask
    else cover(members[member], rest)
  }
}
