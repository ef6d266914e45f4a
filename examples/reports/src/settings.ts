import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The lease of a job. It is short, so that the demo recovers quickly from a killed worker. */
export const leaseMs = 5_000

export interface Settings {
  readonly port: number
  /** The folder for the store, the files of the jobs and the receipts. */
  readonly folder: string
  /** The default pause before each page, in milliseconds. */
  readonly pace: number
}

/** Reads `PORT`, `DATA_DIR` and `REPORT_PACE`. @throws an error that names the invalid variable */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const defaultFolder = fileURLToPath(new URL('../data', import.meta.url))
  return {
    port: integer(env, 'PORT', 3000, 65_535),
    folder: resolve(env.DATA_DIR || defaultFolder),
    pace: integer(env, 'REPORT_PACE', 300, 5_000),
  }
}

/** The settings as environment variables, for the worker process. */
export function asEnv({ port, folder, pace }: Settings): Record<string, string> {
  return { PORT: String(port), DATA_DIR: folder, REPORT_PACE: String(pace) }
}

/** The SQLite store, if DATABASE_URL is not set. */
export const storeFile = ({ folder }: Settings) => join(folder, 'jobs.db')
/** The files of the jobs. */
export const filesIn = ({ folder }: Settings) => join(folder, 'files')

function integer(env: NodeJS.ProcessEnv, name: string, fallback: number, max: number): number {
  const text = env[name] ?? ''
  if (text === '') return fallback
  if (/^\d{1,6}$/.test(text) && Number(text) <= max) return Number(text)
  throw new Error(`${name} must be an integer from 0 to ${max}, not ${JSON.stringify(text)}.`)
}
