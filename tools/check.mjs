/** `npm run check`: everything that can be said about the code without running it. One line a check; what fails shows why. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ready } from './ready.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const examples = readdirSync(join(root, 'examples')).filter((name) =>
  existsSync(join(root, 'examples', name, 'tsconfig.json')),
)

/** A name, and either a command line or a function that gives what is wrong ('' where nothing is). */
const checks = [
  ['biome', 'biome ci --colors=off --max-diagnostics=20 .'],
  ['types', 'tsc --noEmit'],
  ...examples.map((name) => [`types of examples/${name}`, `tsc --noEmit -p examples/${name}`]),
  ['types of the demo’s page', 'tsc --noEmit -p examples/reports/page'],
  ['types of bench', 'tsc --noEmit -p bench'],
  ['knip', 'knip'],
  ['publint', 'publint --strict packages/uketsuke'],
  ['attw', 'attw --profile esm-only --pack packages/uketsuke'],
  ['lock file', lockFile],
]

/** Whoever installs asks the registry of their own configuration, so the lock file must name none. */
function lockFile() {
  const addresses = readFileSync(join(root, 'package-lock.json'), 'utf8').match(/https?:\/\/[^"]*\.tgz/g) ?? []
  return addresses.length === 0 ? '' : `package-lock.json names a registry ${addresses.length} times: ${addresses[0]}`
}

function run(command) {
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`
  return new Promise((resolve) => {
    const child = spawn(command, { shell: true, cwd: root, env: { ...process.env, PATH: path, NO_COLOR: '1' } })
    let said = ''
    const hear = (chunk) => {
      said += chunk
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('close', (code) => resolve(code === 0 ? '' : said || `it ended with ${code}`))
  })
}

try {
  ready()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

let failed = 0
const waiting = [...checks]
/** Two at a time: as many as the smallest machine has cores. */
async function next() {
  for (let check = waiting.shift(); check; check = waiting.shift()) {
    const [name, what] = check
    const began = performance.now()
    const wrong = typeof what === 'string' ? await run(what) : what()
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    console.log(`${wrong ? 'FAIL' : 'ok  '} ${name} (${seconds} s)`)
    if (wrong) {
      failed++
      console.log(wrong.trimEnd())
    }
  }
}
await Promise.all([next(), next()])
if (failed > 0) process.exitCode = 1
