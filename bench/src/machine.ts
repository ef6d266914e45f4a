import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { System } from './systems/index.ts'

/** Facts about the machine that the figures depend on. */
export function describeMachine(folder: string): string[] {
  const [cpu] = cpus()
  const outputOf = (program: string, args: string[]) => {
    try {
      return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' }).trim()
    } catch {
      return ''
    }
  }
  const [disk = ''] = outputOf('df', ['--output=fstype,source', folder]).split('\n').slice(1)
  const commit = outputOf('git', ['rev-parse', '--short', 'HEAD'])
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${release()}, files and databases on ${disk.trim().replace(/\s+/g, ' ')}`,
    `load average at start: ${loadavg()
      .map((one) => one.toFixed(2))
      .join(' ')}`,
    `commit ${commit || 'unknown'}`,
  ]
}

/** Of the measured packages. */
export function packageVersions(systems: readonly System[]): string[] {
  const names = new Set(systems.flatMap(({ packages }) => packages))
  return [...names].map((name) => `${name} ${version(name)}`)
}

function version(name: string): string {
  const files = ['../node_modules', '../../node_modules'].map((at) =>
    fileURLToPath(new URL(`${at}/${name}/package.json`, import.meta.url)),
  )
  const file = files.find((one) => existsSync(one))
  if (file === undefined) return '(not installed)'
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
