/** `npm test`: installs what is missing, checks, runs every test, and ends with the count. Arguments go to vitest. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from './chromium.mjs'
import { ready } from './ready.mjs'

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
const file = join(folder, 'results.json')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const ended = run(process.execPath, [vitest, 'run', ...(asked.length > 0 ? asked : ['--coverage']), ...reporters], env)
const { passed, failed } = count(file)
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
// Coverage below its threshold, or an error outside any test.
if (ended !== 0 && failed === 0) console.log('vitest ended with an error, though no test failed; see above.')
if (passed + failed === 0) console.log('No test ran.')
const otherwise = Number(checked !== 0) + Number(ended !== 0 && failed === 0)
console.log(`${passed} passed, ${failed + otherwise} failed`)
process.exitCode = failed + otherwise > 0 || passed === 0 ? 1 : 0
