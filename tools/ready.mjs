/** Makes a clone ready to run, with nothing but Node and npm: installs what is missing, builds what is stale. */
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What is built from what, and how; in this order, since the demo is compiled against the package's types. */
const builds = [
  {
    from: ['packages/uketsuke/src', 'packages/uketsuke/tsconfig.json', 'tsconfig.json'],
    to: 'packages/uketsuke/dist',
    args: ['run', 'build', '--workspace', 'uketsuke'],
  },
  {
    from: ['examples/reports/src', 'examples/reports/tsconfig.json', 'packages/uketsuke/dist/index.d.ts'],
    to: 'examples/reports/dist',
    args: ['run', 'build', '--workspace', 'examples/reports'],
  },
]

/** Ends the process with a sentence where the clone cannot be made ready. */
export function ready() {
  try {
    makeReady(root)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

/** The bench, against the package's types. Not a part of every start. */
export function readyBench() {
  const from = ['bench/src', 'bench/tsconfig.json', 'packages/uketsuke/dist/index.d.ts']
  if (isStale(root, from, 'bench/dist')) build(root, 'bench/dist', ['run', 'build', '--workspace', 'bench'])
}

/** @throws a sentence about what is in the way */
function makeReady(folder) {
  const wrong = wrongNode(process.versions.node)
  if (wrong !== null) throw new Error(wrong)
  if (isStale(folder, ['package-lock.json'], 'node_modules/.package-lock.json')) {
    console.log('Installing what is missing…')
    // No dependency needs an install script, so none is run.
    // Not `npm ci`: it refuses a lock file that was written where a registry lacked other platforms' optional packages.
    npm(folder, ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'])
  }
  for (const { from, to, args } of builds) {
    if (!isStale(folder, from, to)) continue
    console.log(`Building ${to}…`)
    build(folder, to, args)
  }
}

/** Leaves nothing behind that failed: it would pass for the newest build the next time. */
function build(folder, to, args) {
  const clear = () => rmSync(join(folder, to), { recursive: true, force: true })
  clear()
  try {
    npm(folder, args)
  } catch (error) {
    clear()
    throw error
  }
}

export function wrongNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return null
  return `This needs Node 20.19 or newer, and this is Node ${version}.`
}

/** Whether anything in `from` is newer than everything in `to`, or `to` is not there. */
export function isStale(folder, from, to) {
  const built = times(join(folder, to))
  if (built.length === 0) return true
  const written = from.flatMap((name) => times(join(folder, name)))
  return Math.max(...written) > Math.max(...built)
}

/** The times at which a file, or the files below a folder, were written. */
function times(path) {
  const about = statSync(path, { throwIfNoEntry: false })
  if (about === undefined) return []
  if (!about.isDirectory()) return [about.mtimeMs]
  return readdirSync(path).flatMap((name) => times(join(path, name)))
}

function npm(folder, args) {
  // Under npm, the very npm that runs this; by hand, the one on the PATH.
  const cli = /npm-cli\.js$/.test(process.env.npm_execpath ?? '') ? process.env.npm_execpath : null
  const [command, before] = cli ? [process.execPath, [cli]] : ['npm', []]
  // On Windows `npm` is a script, which only a shell can run.
  const shell = cli === null && process.platform === 'win32'
  const { status, error } = spawnSync(command, [...before, ...args], { cwd: folder, stdio: 'inherit', shell })
  if (error) throw new Error(`npm could not be run: ${error.message}`)
  if (status !== 0) throw new Error(`"npm ${args.join(' ')}" failed; its own words are above.`)
}
