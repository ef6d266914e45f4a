import { readFileSync } from 'node:fs'

/** As in package.json; where this was bundled into another program, that file is not beside it. */
export function version(): string {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    const { name, version } = JSON.parse(text) as { name?: string; version?: string }
    return name === 'uketsuke' && version !== undefined ? version : 'bundled'
  } catch {
    return 'bundled'
  }
}
