import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../dist/server.js', import.meta.url))

export interface Demo {
  readonly url: string
  /** Everything it has said so far. */
  said(): string
  /** Gives the exit code. */
  stop(): Promise<number | null>
}

/** The demo as `npm start` runs it: a process of its own, and a folder of its own unless `env` names one. */
export async function startDemo(env: Record<string, string> = {}): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'uketsuke-demo-'))
  const port = await freePort()
  const child = run({ PORT: String(port), DATA_DIR: folder, ...env })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += chunk
      if (said.includes('Ctrl-C stops it')) resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('exit', (code) => reject(new Error(`the demo ended with ${code}: ${said}`)))
  })
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    await rm(folder, { recursive: true, force: true })
    return child.exitCode
  }
  return { url: `http://127.0.0.1:${port}`, said: () => said, stop }
}

/** A start that is to fail: what it says, and its exit code. */
export async function failedStart(env: Record<string, string>): Promise<{ said: string; code: number | null }> {
  const child = run(env)
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk
  })
  await once(child, 'close')
  return { said, code: child.exitCode }
}

function run(env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [program], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
