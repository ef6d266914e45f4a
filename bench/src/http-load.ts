import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export interface LoadResult {
  /** With a 2xx response. */
  readonly requests: number
  readonly errors: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

const connections = 64
let wrk: string | null | undefined

/** The path of wrk, which takes the least CPU from the measured server. Installs it as root with apt-get; null if that fails. */
function wrkPath(): string | null {
  wrk ??= find() ?? install()
  return wrk
}

const find = () =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'wrk'))
    .find(existsSync) ?? null

function install(): string | null {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return null
  const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  try {
    execFileSync('apt-get', ['update', '-qq'], options)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'wrk'], options)
  } catch {
    return null
  }
  return find()
}

/** POSTs `body` over 64 connections for `seconds`, with wrk if available, else with autocannon. */
export function runLoad(url: string, body: string, seconds: number): Promise<LoadResult> {
  const program = wrkPath()
  const wholeSeconds = Math.max(1, Math.round(seconds))
  return program === null ? runAutocannon(url, body, wholeSeconds) : runWrk(program, url, body, wholeSeconds)
}

/** Lua's long brackets quote the body without escapes. */
const script = (body: string) => `wrk.method = "POST"
wrk.body = [==[${body}]==]
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("\\n@ %d %d %d %f %f\\n", summary.requests, e.status + e.connect + e.read + e.write + e.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end`

async function runWrk(program: string, url: string, body: string, seconds: number): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-wrk-'))
  try {
    const file = join(folder, 'post.lua')
    writeFileSync(file, script(body))
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', file, url]
    const { stdout } = await promisify(execFile)(program, args)
    const [requests = 0, errors = 0, us = 1, p50 = 0, p99 = 0] = (/^@ (.*)$/m.exec(stdout)?.[1] ?? '')
      .split(' ')
      .map(Number)
    // wrk reports microseconds.
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

async function runAutocannon(url: string, body: string, seconds: number): Promise<LoadResult> {
  const { default: autocannon } = await import('autocannon')
  const headers = { 'content-type': 'application/json' }
  const result = await autocannon({ url, method: 'POST', headers, body, connections, duration: seconds })
  const { '2xx': requests, non2xx, errors, timeouts, latency, duration } = result
  return {
    requests,
    errors: non2xx + errors + timeouts,
    rate: requests / duration,
    p50: latency.p50,
    p99: latency.p99,
  }
}
