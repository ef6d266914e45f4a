/** `npm test`: installs what is missing, checks, runs every test, and ends with the count. Arguments go to vitest. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from './chromium.mjs'
import { ready, readyBench } from './ready.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (program, args, env = {}) =>
  spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1

/** What is installed, built or found; what is in the way is said in a sentence. */
function prepare() {
  try {
    ready()
    return { CHROMIUM: chromium() }
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

const env = prepare()
const asked = process.argv.slice(2)

// A failed check does not hide how the tests fare.
const checked = asked.length > 0 ? 0 : run(process.execPath, [fileURLToPath(new URL('check.mjs', import.meta.url))])

const folder = mkdtempSync(join(tmpdir(), 'uketsuke-test-'))
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')

/** Tells how many passed and failed; a run that ended badly without a test that failed is a failure of its own. */
function test(node, files, name) {
  const file = join(folder, `${name}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const ended = run(node, [vitest, 'run', ...files, ...reporters], env)
  const { passed, failed } = count(file)
  if (ended === 0 || failed > 0) return { passed, failed }
  // Coverage below its threshold, or an error outside any test.
  console.log('vitest ended with an error, though no test failed; see above.')
  return { passed, failed: 1 }
}

/** Node's own SQLite, and the thread that makes its checkpoints, where the Node that runs this has none: the bench's Node does. */
async function testNewerNode() {
  if (process.getBuiltinModule?.('node:sqlite')?.StatementSync.prototype.setReturnArrays)
    return { passed: 0, failed: 0 }
  try {
    readyBench()
    const { node } = await import('../bench/dist/node.js')
    const { path, version } = node('24')
    console.log(`SQLite again, with Node ${version}:`)
    return test(path, ['test/sqlite', 'test/store/sqlite'], 'newer')
  } catch (error) {
    console.error(`A newer Node could not be had: ${error.message}`)
    return { passed: 0, failed: 1 }
  }
}

const runs = [test(process.execPath, asked.length > 0 ? asked : ['--coverage'], 'all')]
if (asked.length === 0) runs.push(await testNewerNode())
rmSync(folder, { recursive: true, force: true })

/** A file that could not be loaded has no tests that could fail: it counts as one. */
function count(path) {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(path, 'utf8'))
    const broken = testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.every((one) => one.status !== 'failed'),
    )
    return { passed: numPassedTests, failed: numFailedTests + broken.length }
  } catch {
    return { passed: 0, failed: 0 }
  }
}

if (checked !== 0) console.log('A check failed; see above.')
const passed = runs.reduce((sum, one) => sum + one.passed, 0)
const failed = runs.reduce((sum, one) => sum + one.failed, Number(checked !== 0))
if (passed === 0) console.log('No test passed.')
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
