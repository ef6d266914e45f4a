import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { JobsModule } from '../api/options.ts'
import type { JobTypes } from '../definition/define.ts'
import { UsageError } from './arguments.ts'

/** The jobs of a program: the default export of its module. @throws {UsageError} */
export async function loadModule(file: string | undefined): Promise<JobsModule<JobTypes>> {
  if (file === undefined) throw new UsageError('Which jobs? Name their module: --jobs ./jobs.js')
  const path = resolve(file)
  if (!existsSync(path)) throw new UsageError(`There is no file ${JSON.stringify(path)}.`)
  const { default: found } = await read(path)
  if (!isModule(found)) {
    throw new UsageError(
      `${JSON.stringify(path)} must have a default export of defineJobs({ jobs: { … }, authenticate, … }).`,
    )
  }
  return found
}

async function read(path: string): Promise<{ default?: unknown }> {
  try {
    return (await import(pathToFileURL(path).href)) as { default?: unknown }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?$/.test(path)) {
      throw new UsageError(
        `Node ${process.versions.node} does not read TypeScript: run 22.18 or newer, compile the module, or register a loader ` +
          'such as NODE_OPTIONS="--import tsx".',
      )
    }
    throw new UsageError(`${JSON.stringify(path)} cannot be loaded: ${message ?? String(error)}`)
  }
}

const isModule = (found: unknown): found is JobsModule<JobTypes> =>
  typeof found === 'object' &&
  found !== null &&
  'jobs' in found &&
  typeof found.jobs === 'object' &&
  found.jobs !== null
