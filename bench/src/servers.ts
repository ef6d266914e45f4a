import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { account, cpuOf, freePort, postgresBinaries, redisBinary } from './host.ts'
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

/** A folder of its own on the disk that is to be measured. */
export function workFolder(base: string): string {
  mkdirSync(base, { recursive: true })
  const folder = mkdtempSync(join(base, 'uketsuke-bench-'))
  // PostgreSQL's own user has to get through.
  chmodSync(folder, 0o755)
  return folder
}
