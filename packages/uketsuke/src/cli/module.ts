import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { JobsModule } from '../api/options.ts'
import type { JobTypes } from '../definition/define.ts'
import { UsageError } from './arguments.ts'

/** The absolute path of a jobs module. @throws {UsageError} */
export function moduleFile(file: string | undefined): string {
  if (file === undefined)
    throw new UsageError('Missing required option --jobs, for example --jobs ./jobs.js. Try "uketsuke serve --help".')
  const path = resolve(file)
  if (!existsSync(path)) throw new UsageError(`File ${JSON.stringify(path)} does not exist.`)
  return path
}

/** Loads the default export of a jobs module. @throws {UsageError} */
export async function loadModule(file: string | undefined): Promise<JobsModule<JobTypes>> {
  const path = moduleFile(file)
  const { default: found } = await importModule(path)
  if (!isModule(found)) {
    throw new UsageError(
      `${JSON.stringify(path)} must default-export defineJobs({ jobs: { ... }, authenticate, ... }).`,
    )
  }
  return found
}

async function importModule(path: string): Promise<{ default?: unknown }> {
  try {
    return (await import(pathToFileURL(path).href)) as { default?: unknown }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?$/.test(path)) {
      throw new UsageError(
        `Node.js ${process.versions.node} cannot load TypeScript: use 22.18 or later, compile the module, or register a loader ` +
          'such as NODE_OPTIONS="--import tsx".',
      )
    }
    throw new UsageError(`${JSON.stringify(path)} failed to load: ${message ?? String(error)}`)
  }
}

const isModule = (found: unknown): found is JobsModule<JobTypes> =>
  typeof found === 'object' &&
  found !== null &&
  'jobs' in found &&
  typeof found.jobs === 'object' &&
  found.jobs !== null
