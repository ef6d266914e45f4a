import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../packages/uketsuke/dist/cli/index.js', import.meta.url))
const filler = fileURLToPath(new URL('fill.mjs', import.meta.url))
export const jobsFile = fileURLToPath(new URL('jobs.mjs', import.meta.url))
export const openFile = fileURLToPath(new URL('open.mjs', import.meta.url))

type Env = Record<string, string | undefined>

const running = new Set<ChildProcess>()
const folders = new Set<string>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** For `afterEach`: kills the processes that a test started, and removes its folders. */
export async function endAll(): Promise<void> {
  for (const child of [...running]) {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  folders.clear()
}

/** Returns the path of a file that does not exist yet, in a new folder. */
export function fresh(name = 'jobs.db'): string {
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-cli-'))
  folders.add(folder)
  return join(folder, name)
}

/** A running `uketsuke` process and its output so far. */
export class Cli {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  out = ''
  err = ''

  constructor(args: readonly string[], env: Env = {}) {
    const { DATABASE_URL: _, REDIS_URL: __, NODE_OPTIONS: ___, ...rest } = process.env
    this.child = spawn(process.execPath, [program, ...args], {
      env: { ...rest, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    track(this.child)
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.out += chunk
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.err += chunk
    })
    this.ended = once(this.child, 'close').then(() => this.child.exitCode)
  }

  /** Waits until the output matches. */
  async says(what: RegExp): Promise<RegExpExecArray> {
    const over = this.ended.then(() => true)
    for (;;) {
      const found = what.exec(this.out)
      if (found !== null) return found
      const next = once(this.child.stdout!, 'data').then(() => false)
      if (await Promise.race([over, next]))
        throw new Error(`The process exited before its output matched ${what}: ${this.out}${this.err}`)
    }
  }
}

/** Runs a command until it exits, at most for a minute. */
export async function uketsuke(
  args: readonly string[],
  env: Env = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const cli = new Cli(args, env)
  const tooLong = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`uketsuke ${args.join(' ')} did not exit: ${cli.out}${cli.err}`))
    const timer = setTimeout(fail, 60_000)
    cli.child.once('close', () => clearTimeout(timer))
  })
  const code = await Promise.race([cli.ended, tooLong])
  return { code, out: cli.out, err: cli.err }
}

/** Starts a process that fills a store and keeps it open. */
export async function fill(file: string, until: string, receiver: string, many = 0) {
  const env = { ...process.env, RECEIVER: receiver }
  const child = fork(filler, [file, until, receiver, String(many)], { execArgv: [], env })
  track(child)
  const gone = once(child, 'exit')
  const early = gone.then(([code]) => {
    throw new Error(`The filler ended with ${code}.`)
  })
  const [ids] = (await Promise.race([once(child, 'message'), early])) as [
    Record<'held' | 'done' | 'stumbled' | 'later' | 'big', string>,
  ]
  early.catch(() => {})
  const end = async (how: 'kill' | 'stop') => {
    if (how === 'kill') child.kill('SIGKILL')
    else child.send('stop')
    await gone
  }
  return { ids, kill: () => end('kill'), stop: () => end('stop') }
}

function track(child: ChildProcess): void {
  running.add(child)
  child.once('exit', () => running.delete(child))
}
