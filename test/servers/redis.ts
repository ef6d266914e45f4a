import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { freePort, installed } from './machine.ts'

const running = new Set<ChildProcess>()
/** No server outlives this process. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A redis-server on a free port, with its own folder. `stop` ends it. */
export class RedisServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'uketsuke-redis-'))
  #child: ChildProcess | null = null
  #said = ''
  #client: Promise<{ sendCommand(args: string[]): Promise<unknown>; destroy(): void }> | null = null

  constructor(port: number) {
    this.port = port
  }

  static async start(...args: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort())
    await server.start(...args)
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it on the same port: empty, unless `args` turn on persistence. */
  async start(...args: string[]): Promise<void> {
    const fixed = [
      '--port',
      `${this.port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      this.#folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ]
    const program = join(
      installed(['redis-server'], () => ['/usr/bin'], 'redis-server'),
      'redis-server',
    )
    const child = spawn(program, [...fixed, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    const ready = new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        this.#said = (this.#said + chunk).slice(-4_000)
        if (this.#said.includes('Ready to accept connections')) resolve()
      })
      child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${this.#said}`)))
    })
    this.#said = ''
    await ready
  }

  /** Runs commands like redis-cli, over one connection that reconnects after a restart. */
  async command(...args: string[]): Promise<unknown> {
    this.#client ??= createClient({ url: this.url, RESP: 2, socket: { reconnectStrategy: false } })
      .on('error', () => {
        this.#client = null
      })
      .connect()
    return (await this.#client).sendCommand(args)
  }

  /** kill -9 */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async stop(): Promise<void> {
    ;(await this.#client?.catch(() => null))?.destroy()
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
