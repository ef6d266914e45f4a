import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { ask } from './systems/pg-facts.ts'

/** Ends the server and removes its folder when this process ends, however it ends. */
const keeper = fileURLToPath(new URL('../../test/servers/keep.mjs', import.meta.url))

export interface Server {
  readonly url: string
  readonly version: string
  /** CPU seconds of the server and its children, those that have ended included. */
  cpu(): number
  stop(): Promise<void>
}

/** The machine's PostgreSQL with its defaults, fsync among them, on a free port. */
export async function startPostgres(folder: string): Promise<Server> {
  const bin = postgresBinaries()
  const who = account()
  const home = mkdtempSync(join(folder, 'pg-'))
  chownSync(home, who.uid, who.gid)
  const data = join(home, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '--auth=trust', '--encoding=UTF8', '--locale=C'], {
    uid: who.uid,
    gid: who.gid,
    cwd: home,
    stdio: 'pipe',
  })
  const port = await freePort()
  const flags = ['-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=']
  const server = keep(home, String(who.uid), String(who.gid), join(bin, 'postgres'), ['-D', data, ...flags])
  const url = `postgres://bench@127.0.0.1:${port}/postgres`
  await patiently(server, () => ask(url, 'SELECT 1'))
  const [row] = await ask<Record<string, string>>(url, 'SHOW server_version')
  const main = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  const version = `PostgreSQL ${Object.values(row ?? {})[0]}`
  return { url, version, cpu: () => cpuOf(main), stop: () => end(server) }
}

/** redis-server with its defaults and an append-only file. */
export async function startRedis(folder: string, appendfsync: 'everysec' | 'always'): Promise<Server> {
  const home = mkdtempSync(join(folder, 'redis-'))
  chmodSync(home, 0o700)
  const port = await freePort()
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', home, '--save', '']
  const server = keep(home, '', '', redisBinary(), [...flags, '--appendonly', 'yes', '--appendfsync', appendfsync])
  const url = `redis://127.0.0.1:${port}`
  const info = await patiently(server, async () => {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => {})
    try {
      await client.connect()
      return await client.info('server')
    } finally {
      client.disconnect()
    }
  })
  const pid = Number(/process_id:(\d+)/.exec(info)?.[1])
  const version = `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}`
  return { url, version, cpu: () => cpuOf(pid), stop: () => end(server) }
}

function keep(home: string, uid: string, gid: string, program: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [keeper, home, uid, gid, program, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.stdin?.on('error', () => {})
  return child
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  const gone = once(server, 'exit')
  server.stdin?.end()
  await gone
}

async function patiently<T>(server: ChildProcess, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (server.exitCode !== null || tries === 300) throw error
      await sleep(100)
    }
  }
}

function postgresBinaries(): string {
  const home = '/usr/lib/postgresql'
  const versions = existsSync(home) ? readdirSync(home).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((one) => join(home, one, 'bin')), ...path()]
  const found = folders.find((folder) => ['postgres', 'initdb'].every((name) => existsSync(join(folder, name))))
  if (found === undefined) throw new Error('PostgreSQL is not here: install it (Debian: apt-get install postgresql).')
  return found
}

function redisBinary(): string {
  const found = path()
    .map((folder) => join(folder, 'redis-server'))
    .find((file) => existsSync(file))
  if (found === undefined) throw new Error('Redis is not here: install it (Debian: apt-get install redis-server).')
  return found
}

const path = () => ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]

/** PostgreSQL refuses to run as root. */
function account(): { uid: number; gid: number } {
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

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Linux counts in hundredths of a second. What a child that has ended used is its parent's by then. */
function cpuOf(pid: number): number {
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (Number(name) !== pid && Number(fields[1]) !== pid) continue
      ticks += fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0)
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks / 100
}

/** A folder of its own on the disk that is to be measured. */
export function workFolder(base: string): string {
  mkdirSync(base, { recursive: true })
  const folder = mkdtempSync(join(base, 'uketsuke-bench-'))
  // PostgreSQL's own user has to get through.
  chmodSync(folder, 0o755)
  return folder
}
