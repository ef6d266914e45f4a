/** `npm test`: prepares the checkout, runs the static checks and all tests, and prints the totals. Passes its arguments to vitest. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from './chromium.mjs'
import { prepare, prepareBench } from './prepare.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (program, args, env = {}) =>
  spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1

/** The environment of the tests. On failure, prints the error and exits the process. */
function testEnvironment() {
  prepare()
  try {
    return { CHROMIUM: chromium() }
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

/**
 * A folder in memory for the tests' databases, if there is room: most of the time they wait for a disk to sync. What a sync promises is
 * tested by failing it. Null otherwise.
 */
function memoryFolder() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize < 8 * 2 ** 30) return null
    const folder = mkdtempSync('/dev/shm/uketsuke-')
    // Servers that refuse to run as root run as another user.
    chmodSync(folder, 0o1777)
    return folder
  } catch {
    return null
  }
}

const env = testEnvironment()
const memory = memoryFolder()
if (memory !== null) env.TMPDIR = memory
const args = process.argv.slice(2)

const folder = mkdtempSync(join(tmpdir(), 'uketsuke-test-'))
// The checks use the time in which the tests wait. They write to a file: this process blocks while the tests run.
const checks = args.length > 0 ? null : startChecks(join(folder, 'checks.log'))
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')

/** Returns the number of passed and failed tests. A run that fails without a failed test counts as one failure. */
function runTests(node, files, name) {
  const file = join(folder, `${name}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const status = run(node, [vitest, 'run', ...files, ...reporters], env)
  const { passed, failed } = countResults(file)
  if (status === 0 || failed > 0) return { passed, failed }
  // Coverage below its threshold, or an error outside any test.
  console.log('vitest failed, although no test failed; see above.')
  return { passed, failed: 1 }
}

/** Tests the built-in SQLite and its checkpoint thread with the benchmark's Node if the current Node lacks them. */
async function testNewerNode() {
  if (process.getBuiltinModule?.('node:sqlite')?.StatementSync.prototype.setReturnArrays)
    return { passed: 0, failed: 0 }
  try {
    prepareBench()
    const { resolveNode } = await import('../bench/dist/node.js')
    const { path, version } = resolveNode('24')
    console.log(`Running the SQLite tests again with Node ${version}:`)
    return runTests(path, ['test/sqlite', 'test/store/sqlite'], 'newer')
  } catch (error) {
    console.error(`Could not get a newer Node: ${error.message}`)
    return { passed: 0, failed: 1 }
  }
}

const others = ['quick', 'isolated', 'servers', 'alone'].flatMap((name) => ['--project', name])
const runs =
  args.length > 0
    ? [runTests(process.execPath, args, 'all')]
    : [
        runTests(process.execPath, ['--project', 'domain', '--coverage'], 'domain'),
        runTests(process.execPath, others, 'all'),
        await testNewerNode(),
      ]
const checkStatus = checks === null ? 0 : await checks.status
if (checks !== null) console.log(readFileSync(checks.log, 'utf8').trimEnd())
rmSync(folder, { recursive: true, force: true })
if (memory !== null) rmSync(memory, { recursive: true, force: true })

/** Runs the static checks in the background. `status` resolves with their exit code. */
function startChecks(log) {
  const output = openSync(log, 'w')
  const program = fileURLToPath(new URL('check.mjs', import.meta.url))
  const child = spawn(process.execPath, [program], { cwd: root, stdio: ['ignore', output, output] })
  const status = new Promise((resolve) => {
    child.once('error', () => resolve(1))
    child.once('close', (code) => resolve(code ?? 1))
  })
  return { log, status }
}

/** A test file that could not be loaded reports no tests, so it counts as one failure. */
function countResults(path) {
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

if (checkStatus !== 0) console.log('A check failed; see above.')
const passed = runs.reduce((sum, one) => sum + one.passed, 0)
const failed = runs.reduce((sum, one) => sum + one.failed, Number(checkStatus !== 0))
if (passed === 0) console.log('No tests passed.')
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
