import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Node {
  readonly path: string
  readonly version: string
  /** `major * 100 + minor`, as systems name the oldest they run on. */
  readonly number: number
}

/** What is fetched once and kept here is not in git. */
const cache = fileURLToPath(new URL('../.cache', import.meta.url))

/**
 * The Node that runs all children: this one (`current`), or that of a major version, as the npm package for this platform ships it.
 * Fetched only when it is asked for: it has the size of all other dependencies together.
 */
export function node(wanted: string): Node {
  const [major = '', minor = ''] = process.versions.node.split('.')
  if (wanted === 'current' || wanted === major) return about(process.execPath, `${major}.${minor}`)
  if (!/^\d+$/.test(wanted)) throw new Error('--node must be "current" or a major version such as 24.')
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const home = join(cache, `node-${wanted}`)
  const path = join(home, 'node_modules', name, 'bin', 'node')
  if (!existsSync(path)) {
    console.log(`Fetching Node ${wanted} (${name})…`)
    mkdirSync(home, { recursive: true })
    const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', ['install', ...quiet, '--prefix', home, `${name}@${wanted}`], { stdio: 'inherit', cwd: home })
  }
  return about(path, execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim())
}

function about(path: string, version: string): Node {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return { path, version, number: major * 100 + minor }
}
