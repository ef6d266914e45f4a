#!/usr/bin/env node
import { version } from '../base/version.ts'
import { UketsukeError } from '../domain/errors.ts'
import { UsageError } from './arguments.ts'
import { help } from './help.ts'

type Command = (args: readonly string[]) => Promise<number>

/** Each resolves with its exit code. A command is loaded when it is used: all of them take half a second. */
const commands: Readonly<Record<string, Command>> = {
  serve: async (args) => (await import('./serve.ts')).serve(args),
  work: async (args) => (await import('./serve.ts')).serve([...args, '--role', 'worker']),
  migrate: async (args) => (await import('./migrate.ts')).migrate(args),
  doctor: async (args) => (await import('./doctor.ts')).doctor(args),
  keys: async (args) => (await import('./keys.ts')).keys(args),
  jobs: async (args) => (await import('./jobs.ts')).jobs(args),
  schedules: async (args) => (await import('./schedules.ts')).schedules(args),
  pause: async (args) => (await import('./pause.ts')).pause('pause')(args),
  resume: async (args) => (await import('./pause.ts')).pause('resume')(args),
  top: async (args) => (await import('./top.ts')).top(args),
  prune: async (args) => (await import('./prune.ts')).prune(args),
  bench: async (args) => (await import('./bench.ts')).bench(args),
}

async function run([name = '', ...args]: readonly string[]): Promise<number> {
  if (name === '--version') return print(version())
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (name === '--help' || name === '-h' || name === 'help') return print(help[args[0] ?? ''] ?? help['']!)
  if (command === undefined) {
    throw new UsageError(name === '' ? help['']! : `Unknown command ${JSON.stringify(name)}. Try "uketsuke --help".`)
  }
  if (args.includes('--help') || args.includes('-h')) return print(help[name]!)
  return command(args)
}

function print(text: string): number {
  console.log(text)
  return 0
}

/** Errors that another run cannot fix by itself. */
const unusable: readonly string[] = ['store-unusable', 'invalid-configuration', 'temporarily-unavailable']

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode =
    error instanceof UsageError || (error instanceof UketsukeError && unusable.includes(error.code)) ? 2 : 1
}
