#!/usr/bin/env node
import { version } from '../base/version.ts'
import { UketsukeError } from '../domain/errors.ts'
import { UsageError } from './arguments.ts'
import { bench } from './bench.ts'
import { doctor } from './doctor.ts'
import { help } from './help.ts'
import { jobs } from './jobs.ts'
import { keys } from './keys.ts'
import { migrate } from './migrate.ts'
import { pause } from './pause.ts'
import { prune } from './prune.ts'
import { schedules } from './schedules.ts'
import { serve } from './serve.ts'
import { top } from './top.ts'

/** Each command resolves with its exit code. */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  serve,
  work: (args) => serve([...args, '--role', 'worker']),
  migrate,
  doctor,
  keys,
  jobs,
  schedules,
  pause: pause('pause'),
  resume: pause('resume'),
  top,
  prune,
  bench,
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
