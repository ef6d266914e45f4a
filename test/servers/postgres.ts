import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { account, freePort, installed } from './machine.ts'

/** A PostgreSQL server of this test: a free port, a temporary data folder, fsync on. */
export interface PostgresServer {
  readonly port: number
  /** The connection string of the superuser. Default database: `postgres`. */
  url(database?: string): string
  /** Creates an empty database and returns its connection string. */
  create(name?: string): Promise<string>
  /** Runs one statement as the superuser. */
  query(sql: string, url?: string): Promise<pg.QueryResult>
  /** Runs one statement in a transaction that is rolled back. */
  rolledBack(sql: string, values: unknown[]): Promise<pg.QueryResult>
  /** Sends SIGKILL to every process of the server, to simulate a crash. Resolves when all have ended. */
  kill(): Promise<void>
  /** Starts the server again on the same data and port. */
  start(): Promise<void>
  stop(): Promise<void>
}

const keeperFile = fileURLToPath(new URL('keep.mjs', import.meta.url))

/** The data folder of an empty server, to be copied: `initdb` takes a second. It stays in the folder for temporary files. */
function emptyCluster(bin: string): string {
  const who = account()
  const [version] = /\d[\d.]*/.exec(execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' })) ?? []
  const kept = join(tmpdir(), `uketsuke-postgres-${version}-${process.getuid?.()}`)
  const data = join(kept, 'data')
  if (existsSync(data)) return data
  const folder = mkdtempSync(`${kept}-`)
  const secret = join(folder, 'password')
  writeFileSync(secret, 'secret')
  if (who.uid !== undefined) for (const path of [folder, secret]) chownSync(path, who.uid, who.gid ?? who.uid)
  const about = ['-U', 'super', '--auth=scram-sha-256', `--pwfile=${secret}`, '--encoding=UTF8', '--locale=C', '-N']
  const options = { ...who, stdio: 'pipe', cwd: folder } as const
  execFileSync(join(bin, 'initdb'), ['-D', join(folder, 'data'), ...about], options)
  try {
    renameSync(folder, kept)
  } catch {
    // Another process was faster.
    rmSync(folder, { recursive: true, force: true })
  }
  return data
}

/** @param settings lines for postgresql.conf */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
  const bin = installed(['postgres', 'initdb'], homes, 'postgresql')
  const who = account()
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-pg-'))
  if (who.uid !== undefined) chownSync(folder, who.uid, who.gid ?? who.uid)
  const data = join(folder, 'data')
  execFileSync('cp', ['-a', emptyCluster(bin), data])
  const port = await freePort()
  const lines = [
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = ''`,
    'logging_collector = off',
    // After a kill, recovery syncs with one call instead of one per file.
    'recovery_init_sync_method = syncfs',
    ...settings,
  ]
  writeFileSync(join(data, 'postgresql.auto.conf'), `${lines.join('\n')}\n`)

  let keeper: ChildProcess | null = null
  const url = (database = 'postgres') => `postgres://super:secret@127.0.0.1:${port}/${database}`

  async function query(sql: string, to = url()): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: to })
    client.on('error', () => {})
    await client.connect()
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }

  async function rolledBack(sql: string, values: unknown[]): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: url() })
    await client.connect()
    try {
      await client.query('BEGIN')
      return await client.query(sql, values)
    } finally {
      await client.end()
    }
  }

  async function start(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const [uid, gid] = [String(who.uid ?? ''), String(who.gid ?? '')]
      const child = spawn(process.execPath, [keeperFile, folder, uid, gid, join(bin, 'postgres'), '-D', data], {
        stdio: ['pipe', 'ignore', 'pipe'],
      })
      keeper = child
      let said = ''
      child.stderr?.on('data', (chunk: Buffer) => {
        said = (said + chunk).slice(-2_000)
      })
      const ended = new Promise<boolean>((resolve) => child.once('exit', () => resolve(true)))
      while (!(await Promise.race([ended, answers(query)]))) await pause(20)
      if (child.exitCode === null) return
      // A killed server may hold its shared memory for a moment.
      if (tries === 20) throw new Error(`PostgreSQL does not start: ${said}`)
      await pause(250)
    }
  }

  const pids = (): number[] => {
    const main = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
    const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === main)
    return [main, ...found.map(Number)]
  }

  await start()
  let databases = 0
  return {
    port,
    url,
    query,
    rolledBack,
    start,
    async create(name = `db${++databases}`) {
      await query(`CREATE DATABASE ${name}`)
      return url(name)
    },
    async kill() {
      const all = pids()
      const gone = once(keeper!, 'exit')
      for (const pid of all) signal(pid, 'SIGKILL')
      await gone
      while (all.some((pid) => existsSync(`/proc/${pid}/exe`) && signal(pid, 0))) await pause(10)
    },
    async stop() {
      if (keeper !== null && keeper.exitCode === null) {
        const gone = once(keeper, 'exit')
        keeper.stdin?.end()
        await gone
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answers(query: PostgresServer['query']): Promise<boolean> {
  try {
    await query('SELECT 1')
    return true
  } catch {
    await pause(50)
    return false
  }
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}

/** The folders where Debian installs PostgreSQL, the latest version first. */
function homes(): string[] {
  const home = '/usr/lib/postgresql'
  const versions = existsSync(home) ? readdirSync(home).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(home, version, 'bin'))
}
