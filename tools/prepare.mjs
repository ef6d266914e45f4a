/** Prepares a checkout with nothing but Node and npm: installs missing dependencies and builds stale output. */
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What is built from which sources. The order matters: each compiles against the types of those before it. */
const builds = [
  {
    sources: ['packages/client/src', 'packages/client/tsconfig.json', 'tsconfig.json'],
    output: 'packages/client/dist',
    args: ['run', 'build', '--workspace', '@uketsuke/client'],
  },
  {
    sources: [
      'packages/uketsuke/src',
      'packages/uketsuke/tsconfig.json',
      'tsconfig.json',
      'packages/client/dist/index.d.ts',
    ],
    output: 'packages/uketsuke/dist',
    args: ['run', 'build', '--workspace', 'uketsuke'],
  },
  {
    sources: ['apps/dashboard/src', 'apps/dashboard/index.html', 'apps/dashboard/vite.config.ts'],
    output: 'packages/uketsuke/pages',
    args: ['run', 'build', '--workspace', 'uketsuke-dashboard'],
  },
  {
    sources: ['examples/reports/src', 'examples/reports/tsconfig.json', 'packages/uketsuke/dist/index.d.ts'],
    output: 'examples/reports/dist',
    args: ['run', 'build', '--workspace', 'examples/reports'],
  },
]

/** On failure, prints the error and exits the process. */
export function prepare() {
  try {
    prepareCheckout(root)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

/** Builds the benchmark against the package's types. `npm start` does not need it. */
export function prepareBench() {
  const sources = ['bench/src', 'bench/tsconfig.json', 'packages/uketsuke/dist/index.d.ts']
  if (isStale(root, sources, 'bench/dist')) build(root, 'bench/dist', ['run', 'build', '--workspace', 'bench'])
}

/** @throws an Error that says what failed */
function prepareCheckout(folder) {
  const unsupported = nodeVersionError(process.versions.node)
  if (unsupported !== null) throw new Error(unsupported)
  if (isStale(folder, ['package-lock.json'], 'node_modules/.package-lock.json')) {
    console.log('Installing dependencies…')
    // No dependency needs an install script, so none is run.
    // Not `npm ci`: it rejects a lock file written against a registry that lacked optional packages of other platforms.
    npm(folder, ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'])
  }
  for (const { sources, output, args } of builds) {
    if (!isStale(folder, sources, output)) continue
    console.log(`Building ${output}…`)
    build(folder, output, args)
  }
}

/** Removes the output of a failed build, which would otherwise look up to date the next time. */
function build(folder, output, args) {
  const clear = () => rmSync(join(folder, output), { recursive: true, force: true })
  clear()
  try {
    npm(folder, args)
  } catch (error) {
    clear()
    throw error
  }
}

/** An error message if this Node version is not supported, else null. */
export function nodeVersionError(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return null
  return `Node 20.19 or newer is required; this is Node ${version}.`
}

/** Whether any source is newer than the whole output, or the output does not exist. */
export function isStale(folder, sources, output) {
  const built = modificationTimes(join(folder, output))
  if (built.length === 0) return true
  const written = sources.flatMap((name) => modificationTimes(join(folder, name)))
  return Math.max(...written) > Math.max(...built)
}

/** Of a file, or of all files below a folder. */
function modificationTimes(path) {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return []
  if (!stats.isDirectory()) return [stats.mtimeMs]
  return readdirSync(path).flatMap((name) => modificationTimes(join(path, name)))
}

function npm(folder, args) {
  // Started by npm, use that same npm; otherwise the one on the PATH.
  const cli = /npm-cli\.js$/.test(process.env.npm_execpath ?? '') ? process.env.npm_execpath : null
  const [command, before] = cli ? [process.execPath, [cli]] : ['npm', []]
  // On Windows `npm` is a script, which needs a shell.
  const shell = cli === null && process.platform === 'win32'
  const { status, error } = spawnSync(command, [...before, ...args], { cwd: folder, stdio: 'inherit', shell })
  if (error) throw new Error(`Could not run npm: ${error.message}`)
  if (status !== 0) throw new Error(`"npm ${args.join(' ')}" failed; see its output above.`)
}
