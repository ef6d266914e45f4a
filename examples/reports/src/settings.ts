import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How long a worker may be silent before its jobs go to another. Short, so that a killed worker makes a story, not a wait. */
export const leaseMs = 5_000

export interface Settings {
  readonly port: number
  /** Holds the store, the PDFs and the receipts. */
  readonly folder: string
  /** Milliseconds a page, where a request does not say. */
  readonly pace: number
}

/** From the environment: `PORT`, `DATA_DIR`, `REPORT_PACE`. @throws a sentence about the one that is wrong */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const own = fileURLToPath(new URL('../data', import.meta.url))
  return {
    port: whole(env, 'PORT', 3000, 65_535),
    folder: resolve(env.DATA_DIR || own),
    pace: whole(env, 'REPORT_PACE', 300, 5_000),
  }
}

/** The same settings, for the worker's process. */
export function asEnv({ port, folder, pace }: Settings): Record<string, string> {
  return { PORT: String(port), DATA_DIR: folder, REPORT_PACE: String(pace) }
}

/** Where jobs are kept, unless DATABASE_URL says otherwise. */
export const storeFile = ({ folder }: Settings) => join(folder, 'jobs.db')
export const reportsIn = ({ folder }: Settings) => join(folder, 'reports')

function whole(env: NodeJS.ProcessEnv, name: string, usual: number, most: number): number {
  const text = env[name] ?? ''
  if (text === '') return usual
  if (/^\d{1,6}$/.test(text) && Number(text) <= most) return Number(text)
  throw new Error(`${name} must be a whole number from 0 to ${most}, not ${JSON.stringify(text)}.`)
}
