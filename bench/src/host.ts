import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

export function postgresBinaries(): string {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...pathFolders()]
  const found = folders.find((folder) => ['postgres', 'initdb'].every((name) => existsSync(join(folder, name))))
  if (found === undefined) throw new Error('PostgreSQL not found: install it (Debian: apt-get install postgresql).')
  return found
}

export function redisBinary(): string {
  const found = pathFolders()
    .map((folder) => join(folder, 'redis-server'))
    .find((file) => existsSync(file))
  if (found === undefined) throw new Error('Redis not found: install it (Debian: apt-get install redis-server).')
  return found
}

const pathFolders = () => ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]

/** The account for PostgreSQL, which refuses to run as root. */
export function serverAccount(): { uid: number; gid: number } {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  if (uid !== 0) return { uid, gid }
  const id = (flag: string, name: string) =>
    Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
  try {
    return { uid: id('-u', 'postgres'), gid: id('-g', 'postgres') }
  } catch {
    return { uid: id('-u', 'nobody'), gid: id('-g', 'nobody') }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** CPU seconds of a process and its children. Linux counts ticks of 10 ms, and adds those of an exited child to its parent. */
export function cpuOf(pid: number): number {
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (Number(name) !== pid && Number(fields[1]) !== pid) continue
      ticks += fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0)
    } catch {
      // The process has exited.
    }
  }
  return ticks / 100
}
