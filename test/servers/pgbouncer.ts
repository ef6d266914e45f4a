import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { account, freePort, installed } from './machine.ts'
import type { PostgresServer } from './postgres.ts'

/** A real PgBouncer before a server, in transaction mode by default. */
export async function startPgBouncer(
  server: PostgresServer,
  mode: 'transaction' | 'statement' = 'transaction',
): Promise<{ url: string; stop(): Promise<void> }> {
  const program = join(
    installed(['pgbouncer'], () => ['/usr/sbin'], 'pgbouncer'),
    'pgbouncer',
  )
  const who = account()
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-pgbouncer-'))
  const port = await freePort()
  const users = join(folder, 'users.txt')
  const settings = join(folder, 'pgbouncer.ini')
  writeFileSync(users, '"super" "secret"\n')
  writeFileSync(
    settings,
    `[databases]
* = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = 3
`,
  )
  if (who.uid !== undefined) for (const file of [folder, users, settings]) chownSync(file, who.uid, who.gid ?? who.uid)
  const keeper = fileURLToPath(new URL('keep.mjs', import.meta.url))
  const [uid, gid] = [String(who.uid ?? ''), String(who.gid ?? '')]
  const child = spawn(process.execPath, [keeper, folder, uid, gid, program, '-q', settings], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const url = `postgres://super:secret@127.0.0.1:${port}/postgres`
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      break
    } catch (error) {
      if (tries === 100 || child.exitCode !== null) throw error
      await pause(50)
    }
  }
  return {
    url,
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.stdin?.end()
      await gone
    },
  }
}
