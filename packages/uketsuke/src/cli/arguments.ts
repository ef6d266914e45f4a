import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>

type Values<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; strict: true; allowPositionals: false }>
>['values']

/** The command line is invalid. The message is a single line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Parses the options of a command. Rejects unknown options and positional arguments. @throws {UsageError} */
export function parseOptions<T extends Options>(command: string, args: readonly string[], options: T): Values<T> {
  return explained(command, () => parseArgs({ args: [...args], options, strict: true, allowPositionals: false })).values
}

/** The same for a command that takes ids, which are the positional arguments. @throws {UsageError} */
export function parseOptionsAndIds<T extends Options>(
  command: string,
  args: readonly string[],
  options: T,
): { values: Values<T>; ids: readonly string[] } {
  const parse = () => parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  const { values, positionals } = explained(command, parse)
  return { values, ids: positionals }
}

function explained<T>(command: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    // Keep the first sentence only: the second explains how to pass what is no option.
    const [sentence = ''] = (error as Error).message.split('. ')
    throw new UsageError(`${sentence.replace(/\.$/, '')}. Try "uketsuke ${command} --help".`)
  }
}

/** Parses an integer option from `min` to `max`. @throws {UsageError} */
export function integer(name: string, text: string | undefined, fallback: number, min: number, max: number): number {
  if (text === undefined) return fallback
  if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text)
  throw new UsageError(`--${name} must be an integer from ${min} to ${max}, not ${JSON.stringify(text)}.`)
}
