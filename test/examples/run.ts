/** Starts an example as its reader would, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { run } from '../package/consumer.ts'
import { freePort } from '../servers/machine.ts'

export const folderOf = (name: string) => fileURLToPath(new URL(`../../examples/${name}/`, import.meta.url))

export interface Example {
  url: string
  output(): string
  /** Sends SIGTERM. Resolves with the exit code. */
  stop(): Promise<number | null>
}

/** Builds the example with its own script. */
export function build(name: string): void {
  const { said, code } = run('npm', ['run', 'build'], folderOf(name))
  if (code !== 0) throw new Error(said)
}

/** Runs a program in the folder of the example until it says `ready`. */
export async function start(
  name: string,
  args: (port: number) => string[],
  database: string,
  ready: RegExp,
): Promise<Example> {
  const port = await freePort()
  const child: ChildProcess = spawn(process.execPath, args(port), {
    cwd: folderOf(name),
    env: { ...process.env, PORT: String(port), DATABASE: database, NEXT_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const collect = (chunk: Buffer) => {
      output += chunk
      if (ready.test(output)) resolve()
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.once('exit', (code) => reject(new Error(`${name} exited with ${code}: ${output}`)))
  })
  return {
    url: `http://localhost:${port}`,
    output: () => output,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        await ended
      }
      return child.exitCode
    },
  }
}
