/** `npm run check`: all static checks. Prints one line per check, and the output of those that fail. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const examples = readdirSync(join(root, 'examples')).filter((name) =>
  existsSync(join(root, 'examples', name, 'tsconfig.json')),
)

/** A name, and either a command line or a function that returns an error message ('' if the check passes). */
const checks = [
  ['biome', 'biome ci --colors=off --max-diagnostics=20 .'],
  ['types', 'tsc --noEmit'],
  ['types of packages/client', 'tsc --noEmit -p packages/client'],
  ...examples.map((name) => [`types of examples/${name}`, `tsc --noEmit -p examples/${name}`]),
  ['types of the demo page', 'tsc --noEmit -p examples/reports/page'],
  ['types of apps/dashboard', 'tsc --noEmit -p apps/dashboard'],
  ['types of bench', 'tsc --noEmit -p bench'],
  ['knip', 'knip'],
  ...['client', 'uketsuke'].flatMap((name) => [
    [`publint of packages/${name}`, `publint --strict packages/${name}`],
    [`attw of packages/${name}`, `attw --profile esm-only --pack packages/${name}`],
  ]),
  // Imported late: its bundler may not be installed before `prepare()`.
  ['size of packages/client', async () => (await import('./size.mjs')).checkSizes()],
  ['size of apps/dashboard', async () => (await import('./size.mjs')).checkDashboardSize()],
  ['lock file', checkLockFile],
]

/** The lock file must not name a registry, so that npm uses the one in each user's own configuration. */
function checkLockFile() {
  const urls = readFileSync(join(root, 'package-lock.json'), 'utf8').match(/https?:\/\/[^"]*\.tgz/g) ?? []
  return urls.length === 0 ? '' : `package-lock.json contains ${urls.length} registry URLs, such as ${urls[0]}`
}

function run(command) {
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`
  return new Promise((resolve) => {
    const child = spawn(command, { shell: true, cwd: root, env: { ...process.env, PATH: path, NO_COLOR: '1' } })
    let output = ''
    const collect = (chunk) => {
      output += chunk
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('close', (code) => resolve(code === 0 ? '' : output || `exited with code ${code}`))
  })
}

prepare()

let failed = 0
const queue = [...checks]
/** Two of these run at a time, since the smallest supported machine has two cores. */
async function runChecks() {
  for (let entry = queue.shift(); entry; entry = queue.shift()) {
    const [name, check] = entry
    const startedAt = performance.now()
    const error = typeof check === 'string' ? await run(check) : await check()
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    console.log(`${error ? 'FAIL' : 'ok  '} ${name} (${seconds} s)`)
    if (error) {
      failed++
      console.log(error.trimEnd())
    }
  }
}
await Promise.all([runChecks(), runChecks()])
if (failed > 0) process.exitCode = 1
