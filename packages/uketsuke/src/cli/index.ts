#!/usr/bin/env node
import { version } from '../base/version.ts'
import { UketsukeError } from '../domain/errors.ts'
import { UsageError } from './arguments.ts'
import { doctor } from './doctor.ts'
import { help } from './help.ts'
import { migrate } from './migrate.ts'
import { serve } from './serve.ts'

/** Each gives the exit code. */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { serve, migrate, doctor }

async function run([name = '', ...args]: readonly string[]): Promise<number> {
  if (name === '--version') return say(version())
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (name === '--help' || name === '-h' || name === 'help') return say(help[args[0] ?? ''] ?? help['']!)
  if (command === undefined) {
    throw new UsageError(
      name === '' ? help['']! : `There is no command ${JSON.stringify(name)}. Try "uketsuke --help".`,
    )
  }
  if (args.includes('--help') || args.includes('-h')) return say(help[name]!)
  return command(args)
}

function say(text: string): number {
  console.log(text)
  return 0
}

/** Whatever must be changed before another try is worth it. */
const unusable: readonly string[] = ['store-unusable', 'invalid-configuration', 'temporarily-unavailable']

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode =
    error instanceof UsageError || (error instanceof UketsukeError && unusable.includes(error.code)) ? 2 : 1
}
