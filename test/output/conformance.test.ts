import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sqlite } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { root } from '../package/consumer.ts'
import { startPostgres } from '../servers/postgres.ts'
import { protocolServer } from './protocol-server.ts'

/**
 * The tests of the suite that read, by their groups. Those of writing, closing by clients, expiry, forks and subscriptions are not about the
 * read side.
 */
const reading = [
  'Read Operations',
  'Long-Poll Operations',
  'HTTP Protocol should return correct headers on GET',
  'HTTP Protocol should return empty body',
  'HTTP Protocol should read from offset',
  'Browser Security Headers should include .* on (GET|HEAD|SSE|long-poll) responses',
  'HEAD Metadata should',
  'Offset Validation and Resumability',
  'Protocol Edge Cases should (preserve data immutability|generate unique|reject empty offset|reject multiple|handle binary|ignore unknown)',
  'Long-Poll Edge Cases',
  'Caching and ETag should (generate|return)',
  'Read-Your-Writes Consistency',
  'SSE Mode',
  'JSON Mode should (wrap|concatenate|preserve JSON|work with client)',
  'HEAD with Stream Closure',
  'Read Closed Streams',
  'Long-poll with Stream Closure',
  'SSE with Stream Closure',
]

/** Those that take long: by default in SQLite only; `CONFORMANCE=full` runs them in every engine. */
const long = [
  'Chunking and Large Payloads should handle chunk-size',
  'Byte-Exactness Property',
  'Offset Validation Properties',
]

/** Runs the suite against a server, and resolves with its results. */
async function conformance(url: string, folder: string, names: readonly string[]) {
  const file = join(folder, 'results.json')
  const config = join(folder, 'vitest.config.mjs')
  const suite = join(root, 'node_modules/@durable-streams/server-conformance-tests/dist')
  const options = { dir: suite, include: ['test-runner.js'], exclude: [], testTimeout: 60_000 }
  writeFileSync(config, `export default { test: ${JSON.stringify(options)} }`)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = ['run', '--root', suite, '--config', config, '--reporter=json', `--outputFile=${file}`]
  const printed = await new Promise<string>((resolve) => {
    const env = { ...process.env, CONFORMANCE_TEST_URL: url }
    execFile(process.execPath, [vitest, ...args, '-t', names.join('|')], { cwd: suite, env }, (_, out, err) =>
      resolve(out + err),
    )
  })
  const results = JSON.parse(readFileSync(file, 'utf8')) as {
    numPassedTests: number
    testResults: { assertionResults: { status: string; fullName: string; failureMessages: string[] }[] }[]
  }
  const failed = results.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0]?.split('\n')[0]}`)
  return { passed: results.numPassedTests, failed, printed }
}

// At once, since the suite waits for most of its time.
describe.concurrent('the read side passes the conformance tests of Durable Streams, with their unmodified client', () => {
  test.each(['memory', 'SQLite', 'PostgreSQL'])('in %s', { timeout: 300_000 }, async (engine) => {
    const all = engine === 'SQLite' || process.env.CONFORMANCE === 'full'
    const folder = mkdtempSync(join(tmpdir(), 'uketsuke-conformance-'))
    const database = engine === 'PostgreSQL' ? await startPostgres() : null
    const local = engine === 'memory' ? memory() : sqlite(join(folder, 'jobs.db'))
    const server = await protocolServer(database === null ? local : postgres(database.url()))
    try {
      const { passed, failed, printed } = await conformance(server.url, folder, all ? [...reading, ...long] : reading)
      console.info(engine, passed, 'conformance tests passed')
      expect(failed, printed.slice(0, 2_000)).toEqual([])
      expect(passed).toBeGreaterThan(90)
    } finally {
      await server.stop()
      await database?.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
