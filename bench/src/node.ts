import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface NodeRuntime {
  readonly path: string
  readonly version: string
  /** `major * 100 + minor`, as in `System.node`. */
  readonly number: number
}

/** Downloads, not in git. */
const cache = fileURLToPath(new URL('../.cache', import.meta.url))

/**
 * The Node for all child processes: this one (`current`), or a major version from the npm package for this platform. It is as large as all
 * other dependencies together, so it is downloaded on first use only.
 */
export function resolveNode(wanted: string): NodeRuntime {
  const [major = '', minor = ''] = process.versions.node.split('.')
  if (wanted === 'current' || wanted === major) return runtime(process.execPath, `${major}.${minor}`)
  if (!/^\d+$/.test(wanted)) throw new Error('--node must be "current" or a major version such as 24.')
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const home = join(cache, `node-${wanted}`)
  const path = join(home, 'node_modules', name, 'bin', 'node')
  if (!existsSync(path)) {
    console.log(`Downloading Node ${wanted} (${name})…`)
    mkdirSync(home, { recursive: true })
    const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', ['install', ...quiet, '--prefix', home, `${name}@${wanted}`], { stdio: 'inherit', cwd: home })
  }
  return runtime(path, execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim())
}

function runtime(path: string, version: string): NodeRuntime {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return { path, version, number: major * 100 + minor }
}
