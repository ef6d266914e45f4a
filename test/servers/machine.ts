import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

/** The folder that contains these programs, in the PATH or in `places`. Root installs them with apt-get if they are missing. */
export function installed(programs: readonly string[], places: () => readonly string[], debian: string): string {
  const find = () =>
    [...(process.env.PATH ?? '').split(delimiter), ...places()].find((folder) =>
      programs.every((name) => existsSync(join(folder, name))),
    )
  const found = find()
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    install(debian)
    const fresh = find()
    if (fresh !== undefined) return fresh
  }
  throw new Error(`These tests need ${programs[0]}: install it, for example with \`apt-get install ${debian}\`.`)
}

/** Several test files may install at once, and apt-get fails while another one works: each waits for its turn, at most five minutes. */
function install(debian: string): void {
  const steps = `apt-get update -qq && apt-get install -qq -y ${debian}`
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  execFileSync('flock', ['--timeout', '300', '/usr/bin/apt-get', 'sh', '-c', steps], { stdio: 'pipe', env })
}

/** Servers that refuse to run as root run as the user `postgres` or `nobody`. */
export function account(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string, name: string) =>
    Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
  try {
    return { uid: id('-u', 'postgres'), gid: id('-g', 'postgres') }
  } catch {
    return { uid: id('-u', 'nobody'), gid: id('-g', 'nobody') }
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
