import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export interface Load {
  /** Answered with 2xx. */
  readonly requests: number
  readonly errors: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

const connections = 64
let tool: string | null | undefined

/** wrk where it is or can be had (root, apt-get): it takes the least from the server under load. Else autocannon. */
export function loadTool(): string | null {
  tool ??= find() ?? install()
  return tool
}

const find = () =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'wrk'))
    .find(existsSync) ?? null

function install(): string | null {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return null
  const quietly = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  try {
    execFileSync('apt-get', ['update', '-qq'], quietly)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'wrk'], quietly)
  } catch {
    return null
  }
  return find()
}

/** POSTs `body` over 64 connections for some seconds. */
export function load(url: string, body: string, seconds: number): Promise<Load> {
  const wrk = loadTool()
  const whole = Math.max(1, Math.round(seconds))
  return wrk === null ? withAutocannon(url, body, whole) : withWrk(wrk, url, body, whole)
}

/** Lua's long brackets take the body as it is. */
const script = (body: string) => `wrk.method = "POST"
wrk.body = [==[${body}]==]
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("\\n@ %d %d %d %f %f\\n", summary.requests, e.status + e.connect + e.read + e.write + e.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end`

async function withWrk(wrk: string, url: string, body: string, seconds: number): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-wrk-'))
  try {
    const file = join(folder, 'post.lua')
    writeFileSync(file, script(body))
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', file, url]
    const { stdout } = await promisify(execFile)(wrk, args)
    const [requests = 0, errors = 0, us = 1, p50 = 0, p99 = 0] = (/^@ (.*)$/m.exec(stdout)?.[1] ?? '')
      .split(' ')
      .map(Number)
    // In its own numbers microseconds.
    return {
      requests: requests - errors,
      errors,
      rate: ((requests - errors) * 1e6) / us,
      p50: p50 / 1_000,
      p99: p99 / 1_000,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function withAutocannon(url: string, body: string, seconds: number): Promise<Load> {
  const { default: autocannon } = await import('autocannon')
  const headers = { 'content-type': 'application/json' }
  const result = await autocannon({ url, method: 'POST', headers, body, connections, duration: seconds })
  const { '2xx': fine, non2xx, errors, timeouts, latency, duration } = result
  return {
    requests: fine,
    errors: non2xx + errors + timeouts,
    rate: fine / duration,
    p50: latency.p50,
    p99: latency.p99,
  }
}
