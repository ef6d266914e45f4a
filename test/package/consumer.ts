import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))

/** A strict program of a user, with the options of `tsc --init`. Library types are checked too. */
const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']

/** The compiler's messages about the files; '' if they compile. */
export function compile(folder: string, files: readonly string[], more: readonly string[] = []): string {
  return run(process.execPath, [tsc, ...options, ...more, ...files], folder).said
}

/** Runs a program to its end. Returns its output and its exit code. */
export function run(program: string, args: readonly string[], cwd: string): { said: string; code: number } {
  try {
    return { said: execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe' }), code: 0 }
  } catch (error) {
    const { stdout, stderr, status } = error as { stdout: string; stderr: string; status: number | null }
    return { said: `${stdout}${stderr}`, code: status ?? 1 }
  }
}
