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
  /** The output so far. */
  output(): string
  /** Stops the process. Resolves with the exit code. */
  stop(): Promise<number | null>
}

/** Starts the demo as `npm start` does, as a separate process with a new folder, unless `env` names one. */
export async function startDemo(env: Record<string, string> = {}): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'uketsuke-demo-'))
  const port = await freePort()
  const child = run({ PORT: String(port), DATA_DIR: folder, ...env })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const collect = (chunk: Buffer) => {
      output += chunk
      if (output.includes('Press Ctrl-C to stop')) resolve()
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.once('exit', (code) => reject(new Error(`the demo exited with ${code}: ${output}`)))
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
  return { url: `http://127.0.0.1:${port}`, output: () => output, stop }
}

/** Runs the demo with settings that make it fail. Resolves with its output and its exit code. */
export async function failedStart(env: Record<string, string>): Promise<{ output: string; code: number | null }> {
  const child = run(env)
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  await once(child, 'close')
  return { output, code: child.exitCode }
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
