import { readFileSync } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>

type Values<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; strict: true; allowPositionals: false }>
>['values']

/** The command line is invalid. The message is a single line, or one line for each problem. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Parses the options of a command. Rejects unknown options and positional arguments. @throws {UsageError} */
export function parseOptions<T extends Options>(command: string, args: readonly string[], options: T): Values<T> {
  return explained(command, () => parseArgs({ args: [...args], options, strict: true, allowPositionals: false })).values
}

/**
 * The same, and what the command line leaves out comes from an environment variable such as `UKETSUKE_PORT` for `port`, or else from the
 * JSON file of `--config`. @throws {UsageError}
 */
export function parseSettings<T extends Options>(command: string, args: readonly string[], options: T): Values<T> {
  const given = parseOptions(command, args, { ...options, config: { type: 'string' } }) as Record<string, unknown>
  const { config, ...flags } = given
  const file = typeof config === 'string' ? settingsFile(config, options) : {}
  const all: Record<string, unknown> = { ...file, ...settingsOfEnvironment(options), ...flags }
  return all as Values<T>
}

function settingsOfEnvironment(options: Options): Record<string, unknown> {
  const found = Object.entries(options).flatMap(([name, { type }]) => {
    const variable = `UKETSUKE_${name.toUpperCase().replaceAll('-', '_')}`
    const text = process.env[variable]
    if (text === undefined || text === '') return []
    if (type === 'string') return [[name, text]]
    if (text !== 'true' && text !== 'false')
      throw new UsageError(`${variable} must be true or false, not ${JSON.stringify(text)}.`)
    return [[name, text === 'true']]
  })
  return Object.fromEntries(found)
}

function settingsFile(path: string, options: Options): Record<string, unknown> {
  let settings: unknown
  try {
    settings = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`--config: ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`)
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new UsageError(`--config: ${JSON.stringify(path)} must be a JSON object.`)
  const problems = Object.entries(settings).flatMap(([name, value]) => {
    if (!Object.hasOwn(options, name)) return [`--config: there is no option ${JSON.stringify(name)}.`]
    const wanted = options[name]?.type === 'boolean' ? ['boolean'] : ['string', 'number']
    return wanted.includes(typeof value) ? [] : [`--config: ${name} must be a ${wanted.join(' or a ')}.`]
  })
  report(problems)
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]),
  )
}

/** Runs all checks, and reports everything that is wrong at once. @throws {UsageError} */
export function checkAll<const T extends Readonly<Record<string, () => unknown>>>(
  checks: T,
): { [Name in keyof T]: ReturnType<T[Name]> } {
  const problems: string[] = []
  const results = Object.entries(checks).map(([name, check]) => {
    try {
      return [name, check()]
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      problems.push(error.message)
      return [name, undefined]
    }
  })
  report(problems)
  return Object.fromEntries(results) as { [Name in keyof T]: ReturnType<T[Name]> }
}

function report(problems: readonly string[]): void {
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
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
