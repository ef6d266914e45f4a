import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sqlite } from 'uketsuke'
import { postgres } from 'uketsuke/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { conformanceTools } from './conformance-tools.ts'
import { serveTools, type ToolServer } from './setup.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const runner = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
const node20 = new URL('./node20.mjs', import.meta.url).href

/**
 * The scenarios of the extension, with the number of their checks, and those of the protocol that concern a server of tools. Left out:
 * those of input requests that need sampling, roots or prompts, and input-required-result-ignore-extra-params, which answers a question that
 * no response has asked. The runner itself skips tasks-status-notifications.
 */
const scenarios: [name: string, version: string, checks: number][] = [
  ['tasks-lifecycle', '2026-07-28', 9],
  ['tasks-capability-negotiation', '2026-07-28', 5],
  ['tasks-wire-fields', '2026-07-28', 4],
  ['tasks-request-state-removal', '2026-07-28', 3],
  ['tasks-request-headers', '2026-07-28', 5],
  ['tasks-dispatch-and-envelope', '2026-07-28', 9],
  ['tasks-required-task-error', '2026-07-28', 3],
  ['tasks-mrtr-input', '2026-07-28', 4],
  ['tasks-mrtr-composition', '2026-07-28', 2],
  ['input-required-result-basic-elicitation', '2026-07-28', 3],
  ['input-required-result-result-type', '2026-07-28', 2],
  ['input-required-result-request-state', '2026-07-28', 3],
  ['input-required-result-multi-round', '2026-07-28', 4],
  ['input-required-result-tampered-state', '2026-07-28', 2],
  ['input-required-result-missing-input-response', '2026-07-28', 2],
  ['input-required-result-validate-input', '2026-07-28', 3],
  ['input-required-result-unsupported-methods', '2026-07-28', 2],
  ['http-header-validation', '2026-07-28', 14],
  ['http-custom-header-server-validation', '2026-07-28', 10],
  ['dns-rebinding-protection', '2026-07-28', 2],
  ['tools-list', '2026-07-28', 4],
  ['tools-list', '2025-11-25', 3],
  ['server-initialize', '2025-11-25', 2],
  ['ping', '2025-11-25', 2],
]

/** Runs a scenario with the unmodified runner. */
async function run(scenario: string, version: string, url: string, cwd: string) {
  const args = ['server', '--url', url, '--scenario', scenario, '--spec-version', version, '--force', '--verbose']
  const child = spawn(process.execPath, ['--import', node20, runner, ...args], { cwd })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk))
  const [code] = await once(child, 'close')
  const [, passed, all] = /Passed: (\d+)\/(\d+)/.exec(output) ?? []
  return { code, passed: Number(passed), all: Number(all), output }
}

describe.each(['SQLite', 'PostgreSQL'])('on %s', (engine) => {
  let server: ToolServer<typeof conformanceTools>
  let folder: string
  let database: PostgresServer | null = null

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'uketsuke-mcp-'))
    if (engine === 'PostgreSQL') database = await startPostgres()
    const store = database === null ? sqlite(join(folder, 'jobs.db')) : postgres(database.url())
    server = await serveTools(conformanceTools, { store, authenticate: () => ({ owner: 'ann' }) })
    await server.jobs.work({ concurrency: 50 })
  })
  afterAll(async () => {
    await server?.close()
    await database?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it.concurrent.each(scenarios)('passes %s of %s', async (scenario, version, checks) => {
    const { output, ...result } = await run(scenario, version, `${server.origin}/mcp`, folder)
    expect(result, output).toEqual({ code: 0, passed: checks, all: checks })
  })
})
