import { readFileSync } from 'node:fs'

/** The version in package.json, or `bundled` if this code was bundled into another program. */
export function version(): string {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    const { name, version } = JSON.parse(text) as { name?: string; version?: string }
    return name === 'uketsuke' && version !== undefined ? version : 'bundled'
  } catch {
    return 'bundled'
  }
}
