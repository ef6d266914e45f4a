import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { account, freePort, installed } from './machine.ts'

/** A real nginx on loopback. `locations` is added to `server { }`; the rest is nginx's default. */
export async function startNginx(locations: string): Promise<{ origin: string; stop(): Promise<void> }> {
  const program = join(
    installed(['nginx'], () => ['/usr/sbin', '/usr/local/sbin'], 'nginx'),
    'nginx',
  )
  const who = account()
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-nginx-'))
  const port = await freePort()
  const settings = join(folder, 'nginx.conf')
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    settings,
    `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${temp.join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    ${locations}
  }
}
`,
  )
  if (who.uid !== undefined) for (const file of [folder, settings]) chownSync(file, who.uid, who.gid ?? who.uid)
  const keeper = fileURLToPath(new URL('keep.mjs', import.meta.url))
  const [uid, gid] = [String(who.uid ?? ''), String(who.gid ?? '')]
  const child = spawn(
    process.execPath,
    [keeper, folder, uid, gid, program, '-e', 'stderr', '-p', folder, '-c', settings],
    { stdio: ['pipe', 'ignore', 'inherit'] },
  )
  const origin = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    try {
      await fetch(origin)
      break
    } catch (error) {
      if (tries === 100 || child.exitCode !== null) throw error
      await pause(50)
    }
  }
  return {
    origin,
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.stdin?.end()
      await gone
    },
  }
}
