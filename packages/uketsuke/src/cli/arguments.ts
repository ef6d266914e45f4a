import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>

type Values<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; strict: true; allowPositionals: false }>
>['values']

/** The command line cannot be meant so. Its message is one sentence. */
export class UsageError extends Error {
  override readonly name = 'Misuse'
}

/** The options of one command; nothing else may be on the line. @throws {UsageError} */
export function parseOptions<T extends Options>(command: string, args: readonly string[], options: T): Values<T> {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    // Node adds advice of a second sentence, which is about something else.
    const [sentence = ''] = (error as Error).message.split('. ')
    throw new UsageError(`${sentence.replace(/\.$/, '')}. Try "uketsuke ${command} --help".`)
  }
}

/** @throws {UsageError} */
export function whole(name: string, text: string | undefined, usual: number, least: number, most: number): number {
  if (text === undefined) return usual
  if (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text)
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`)
}
