import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { verifyWebhook } from '../../packages/uketsuke/src/notify/verify-webhook.ts'
import type { PostgresOptions } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { until } from '../until.ts'

const program = fileURLToPath(new URL('./program.mjs', import.meta.url))
export const secret = 'whsec_YSBzZWNyZXQgb2YgdGhlIGNyYXNoIHRlc3Rz'
export const owner = 'alice'

/** A report of a child process. */
export interface Report {
  event: 'ready' | 'unusable' | 'start' | 'abort' | 'return' | 'dying' | 'stopping' | 'stopped'
  /** The time by the child's clock. */
  at: number
  key?: string
  attempt?: number
  reason?: string
  port?: number
  code?: string
  message?: string
}

export interface Role {
  /** The store: either a SQLite file or a PostgreSQL database. */
  file?: string
  database?: PostgresOptions
  api?: boolean
  work?: { concurrency?: number; drain?: number }
  /** In milliseconds. Default: 1,000, the shortest lease that is allowed. */
  lease?: number
  secret?: string
  allowHosts?: string[]
  uid?: number
  redisUrl?: string
  /** As in RedisOptions. */
  takeOverAfter?: number
  /** An older version, which cannot read inputs with `newer`. */
  older?: boolean
  /** The error of its clock in milliseconds. */
  skew?: number
  /** Of the API. Default: any that is free. */
  port?: number
  /** The folder for the files of jobs. */
  files?: string
  /** A log without `child`. */
  bareLog?: boolean
}

const cleanups = new Set<() => unknown>()
const running = new Set<ChildProcess>()
/** No child outlives this process, not even a suspended one, which would not notice that the channel is closed. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** For `afterEach`: kills the processes, stops the servers and removes the folders of a test. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map((child) => died(child, 'SIGKILL')))
  for (const cleanup of [...cleanups].reverse()) await cleanup()
  cleanups.clear()
}

async function died(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** One process and its reports so far. */
export class Program {
  readonly reports: Report[] = []
  readonly #child: ChildProcess
  #output = ''

  constructor(role: Role, onReport: (report: Report) => void = () => {}) {
    // Setting `execArgv` also drops vitest's own flags.
    const { skew = 0 } = role
    this.#child = fork(program, [JSON.stringify(role)], {
      env: { ...process.env, CLOCK_SKEW: String(skew) },
      execArgv: skew === 0 ? [] : ['--import', new URL('shift-clock.mjs', import.meta.url).href],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    running.add(this.#child)
    this.#child.once('exit', () => running.delete(this.#child))
    this.#child.on('message', (report: Report) => {
      this.reports.push(report)
      onReport(report)
    })
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk).slice(-4_000)
    }
    this.#child.stdout?.on('data', keep)
    this.#child.stderr?.on('data', keep)
  }

  /** Starts a process and waits until it is ready. */
  static async start(role: Role): Promise<Program> {
    const started = new Program(role)
    await started.reported('ready')
    return started
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }
  get exitCode(): number | null {
    return this.#child.exitCode
  }
  /** The end of its output. */
  get output(): string {
    return this.#output
  }
  /** Null until it is ready, and for a process without an API. */
  get url(): string | null {
    const port = this.reports.find(({ event }) => event === 'ready')?.port
    return port === undefined ? null : `http://127.0.0.1:${port}/api/jobs`
  }

  find(event: Report['event'], key?: string): Report | undefined {
    return this.reports.find((one) => one.event === event && (key === undefined || one.key === key))
  }

  reported(event: Report['event'], key?: string, ms = 30_000): Promise<Report> {
    return until(() => this.find(event, key), `process ${this.pid} tells "${event}" ${key ?? ''}`, {
      ms,
      more: () => this.output,
    })
  }

  /** Lets a `held` job of this process return. */
  finish(key: string): void {
    this.#child.send({ finish: key })
  }
  stop(): void {
    this.#child.kill('SIGSTOP')
  }
  /** Suspends it, but not during a commit to `file`: SQLite would block all other processes. */
  async freeze(file: string): Promise<void> {
    const db = await open(file)
    const free = () => {
      try {
        db.exec('BEGIN IMMEDIATE; ROLLBACK')
        return true
      } catch {
        return false
      }
    }
    for (;;) {
      this.stop()
      if (existsSync('/proc/self/stat')) {
        await until(() => readFileSync(`/proc/${this.pid}/stat`, 'utf8').includes(') T '), `process ${this.pid} stops`)
      }
      if (free()) break
      this.continue()
    }
    db.close()
  }
  continue(): void {
    this.#child.kill('SIGCONT')
  }
  terminate(): void {
    this.#child.kill('SIGTERM')
  }
  kill(): Promise<void> {
    return died(this.#child, 'SIGKILL')
  }
  /** Waits until it exits, and returns its exit code. */
  async ended(ms = 30_000): Promise<number | null> {
    await until(() => !this.alive, `process ${this.pid} ends`, { ms, more: () => this.output })
    return this.exitCode
  }
}

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'uketsuke-crash-'))
  cleanups.add(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export const finally_ = (cleanup: () => unknown): void => void cleanups.add(cleanup)

/** The members of a job that these tests use. */
export interface Seen {
  jobId: string
  status: string
  version: number
  attempt: number
  progress: number
  progressMessage: string | null
  completedAt: string | null
  output?: unknown
  error?: { code: string }
}

export interface Received {
  id: string
  type: string
  body: string
  data: Seen
  valid: boolean
}

/** A webhook receiver on its own loopback port. It can delay its response, so that the sender is killed while it waits. */
export async function receiver(delay: () => number = () => 0, got: (received: Received) => void = () => {}) {
  const received: Received[] = []
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    const headers = new Headers(Object.entries(req.headers) as [string, string][])
    const { type, data } = JSON.parse(body) as { type: string; data: Seen }
    const valid = verifyWebhook(body, headers, secret) !== null
    const one = { id: headers.get('webhook-id') ?? '', type, body, data, valid }
    received.push(one)
    got(one)
    setTimeout(() => res.writeHead(204).end(), delay())
  })
  // The sender may be killed in the middle of a request.
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.add(() => {
    server.close()
    server.closeAllConnections()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { received, host, url: `http://${host}/hook` }
}

export const bearer = { authorization: `Bearer ${owner}` }

export function post(url: string, type: string, input: unknown, more: { key?: string; webhookUrl?: string } = {}) {
  return fetch(url, {
    method: 'POST',
    headers: {
      ...bearer,
      'content-type': 'application/json',
      ...(more.key !== undefined && { 'idempotency-key': more.key }),
    },
    body: JSON.stringify({ type, input, ...(more.webhookUrl !== undefined && { webhookUrl: more.webhookUrl }) }),
    signal: AbortSignal.timeout(20_000),
  })
}

export async function accepted(url: string, type: string, input: unknown, webhookUrl?: string): Promise<Seen> {
  const answer = await post(url, type, input, { webhookUrl })
  if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Seen
}

export async function status(url: string, id: string): Promise<Seen> {
  const answer = await fetch(`${url}/${id}`, { headers: bearer, signal: AbortSignal.timeout(20_000) })
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Seen
}

/** The q-quantile of `values`. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** A random generator with a seed (mulberry32), so that a failed run can be reproduced. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** One block of an event stream: an event, or only a `retry:`. Comments are skipped. */
export interface Block {
  /** The time at which it was read. */
  at: number
  id?: number
  retry?: number
  data?: { type: string; data: Seen }
}

/** Reads a job's stream to its end. */
export async function* stream(url: string, id: string, lastEventId?: number): AsyncGenerator<Block> {
  const gone = new AbortController()
  const answer = await openStream(url, id, lastEventId, gone.signal)
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
  try {
    yield* blocks(answer)
  } finally {
    gone.abort()
  }
}

/** Requests a stream like EventSource, and returns any response. */
export const openStream = (url: string, id: string, lastEventId: number | undefined, signal: AbortSignal) =>
  fetch(`${url}/${id}/stream`, {
    headers: { ...bearer, ...(lastEventId !== undefined && { 'last-event-id': String(lastEventId) }) },
    signal,
  })

export async function* blocks(answer: Response): AsyncGenerator<Block> {
  let text = ''
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    const at = Date.now()
    text += Buffer.from(chunk).toString()
    const whole = text.split('\n\n')
    text = whole.pop() ?? ''
    for (const block of whole) {
      const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]))
      const [eventId, retry, data] = [fields.get('id'), fields.get('retry'), fields.get('data')]
      if (eventId === undefined && retry === undefined && data === undefined) continue
      yield {
        at,
        ...(eventId !== undefined && { id: Number(eventId) }),
        ...(retry !== undefined && { retry: Number(retry) }),
        ...(data !== undefined && { data: JSON.parse(data) }),
      }
    }
  }
}

/** Formats durations as one line of statistics. */
export function figures(what: string, values: readonly number[]): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`
  return `${what}: n=${values.length} p50 ${ms(quantile(values, 0.5))} p99 ${ms(quantile(values, 0.99))} max ${ms(Math.max(...values))}`
}
