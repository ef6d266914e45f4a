import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { cpuOf, freePort, postgresBinaries, redisBinary, serverAccount } from './host.ts'
import { query } from './systems/pg-query.ts'

/** Stops the server and removes its folder when this process exits for any reason. */
const keeper = fileURLToPath(new URL('../../test/servers/keep.mjs', import.meta.url))

export interface Server {
  readonly url: string
  readonly version: string
  /** CPU seconds of the server and its children, including exited ones. */
  cpu(): number
  stop(): Promise<void>
}

/** The installed PostgreSQL with its defaults (fsync on) and room for the connections of many processes, on a free port. */
export async function startPostgres(folder: string): Promise<Server> {
  const bin = postgresBinaries()
  const account = serverAccount()
  const home = mkdtempSync(join(folder, 'pg-'))
  chownSync(home, account.uid, account.gid)
  const data = join(home, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '--auth=trust', '--encoding=UTF8', '--locale=C'], {
    uid: account.uid,
    gid: account.gid,
    cwd: home,
    stdio: 'pipe',
  })
  const port = await freePort()
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=400']
  const flags = ['-p', String(port), ...settings.flatMap((one) => ['-c', one])]
  const server = startWithKeeper(home, String(account.uid), String(account.gid), join(bin, 'postgres'), [
    '-D',
    data,
    ...flags,
  ])
  const url = `postgres://bench@127.0.0.1:${port}/postgres`
  await waitUntilReady(server, () => query(url, 'SELECT 1'))
  const [row] = await query<Record<string, string>>(url, 'SHOW server_version')
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  const version = `PostgreSQL ${Object.values(row ?? {})[0]}`
  return { url, version, cpu: () => cpuOf(pid), stop: () => stopServer(server) }
}

/** redis-server with its defaults and an append-only file. */
export async function startRedis(folder: string, appendfsync: 'everysec' | 'always'): Promise<Server> {
  const home = mkdtempSync(join(folder, 'redis-'))
  chmodSync(home, 0o700)
  const port = await freePort()
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', home, '--save', '']
  const server = startWithKeeper(home, '', '', redisBinary(), [
    ...flags,
    '--appendonly',
    'yes',
    '--appendfsync',
    appendfsync,
  ])
  const url = `redis://127.0.0.1:${port}`
  const info = await waitUntilReady(server, async () => {
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
  return { url, version, cpu: () => cpuOf(pid), stop: () => stopServer(server) }
}

function startWithKeeper(
  home: string,
  uid: string,
  gid: string,
  program: string,
  args: readonly string[],
): ChildProcess {
  const child = spawn(process.execPath, [keeper, home, uid, gid, program, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.stdin?.on('error', () => {})
  return child
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  const exited = once(server, 'exit')
  server.stdin?.end()
  await exited
}

async function waitUntilReady<T>(server: ChildProcess, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (server.exitCode !== null || tries === 300) throw error
      await sleep(100)
    }
  }
}

/** A new folder on the disk to be measured. */
export function workFolder(base: string): string {
  mkdirSync(base, { recursive: true })
  const folder = mkdtempSync(join(base, 'uketsuke-bench-'))
  // PostgreSQL's account needs access.
  chmodSync(folder, 0o755)
  return folder
}
