import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { sqlite } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
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
  'Chunking and Large Payloads should handle chunk-size',
  'Read-Your-Writes Consistency',
  'SSE Mode',
  'JSON Mode should (wrap|concatenate|preserve JSON|work with client)',
  'Byte-Exactness Property',
  'Offset Validation Properties',
  'HEAD with Stream Closure',
  'Read Closed Streams',
  'Long-poll with Stream Closure',
  'SSE with Stream Closure',
]

test.each(['memory', 'SQLite', 'PostgreSQL'])(
  'in %s, the read side passes the conformance tests of Durable Streams, with their unmodified client',
  async (engine) => {
    let store = engine === 'memory' ? memory() : sqlite(tempFile())
    if (engine === 'PostgreSQL') {
      const database = await startPostgres()
      atEnd(() => database.stop())
      store = postgres(database.url())
    }
    const server = await protocolServer(store)
    atEnd(() => server.stop())
    const file = tempFile('results.json')
    const config = join(dirname(file), 'vitest.config.mjs')
    const suite = join(root, 'node_modules/@durable-streams/server-conformance-tests/dist')
    writeFileSync(
      config,
      `export default { test: { dir: ${JSON.stringify(suite)}, include: ['test-runner.js'], exclude: [] } }`,
    )
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const args = ['run', '--root', suite, '--config', config, '--reporter=json', `--outputFile=${file}`]
    const printed = await new Promise<string>((resolve) => {
      const env = { ...process.env, CONFORMANCE_TEST_URL: server.url }
      execFile(process.execPath, [vitest, ...args, '-t', reading.join('|')], { cwd: suite, env }, (_, out, err) =>
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
    expect(failed, printed.slice(0, 2_000)).toEqual([])
    console.info(engine, results.numPassedTests, 'conformance tests passed')
    expect(results.numPassedTests).toBeGreaterThan(90)
  },
  300_000,
)
