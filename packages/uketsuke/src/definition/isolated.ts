import { assertConfiguration } from '../base/assert.ts'
import { integerOption } from '../domain/numbers.ts'
import type { JobContext } from './context.ts'

/** Where the handler of a type runs: in a worker thread, or in a process of its own. */
export type IsolationKind = 'thread' | 'process'

/** A handler in a module of its own, and how to run it. */
export interface Isolation {
  readonly kind: IsolationKind
  /** Of the module, whose default export is the handler. */
  readonly url: string
  /** The size of its heap in MiB; null for the default of Node.js. */
  readonly memory: number | null
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>
}

/** A module whose default export is a handler. */
// biome-ignore lint/suspicious/noExplicitAny: the handler of a module takes the input of its own type.
export type HandlerModule = { default: (context: JobContext<any>) => unknown }

/** The URL of a module with a handler. */
export interface HandlerAt<Output> {
  readonly url: URL
  /** Only for types: what the handler returns. */
  readonly returns?: Output
}

/**
 * Names the module of an isolated handler, with its type.
 * @example
 * job({ input, isolation: 'thread', run: handlerAt<typeof import('./render.js')>(new URL('./render.js', import.meta.url)) })
 */
export const handlerAt = <Module extends HandlerModule>(
  url: URL,
): HandlerAt<Awaited<ReturnType<Module['default']>>> => ({ url })

interface Options {
  run: unknown
  isolation?: unknown
  memory?: number | undefined
  env?: Readonly<Record<string, string>> | undefined
}

/** Null for a handler that is a function, which runs in this process. @throws `invalid-configuration` */
export function isolationOption({ run, isolation, memory, env }: Options): Isolation | null {
  const url = run instanceof URL ? run : (run as HandlerAt<unknown> | undefined)?.url
  if (typeof run === 'function') {
    const alone = [isolation, memory, env].every((option) => option === undefined)
    assertConfiguration(alone, 'job(): isolation, memory and env need run to be the URL of a module')
    return null
  }
  assertConfiguration(url instanceof URL, 'job(): run must be a function, or the URL of a module')
  assertConfiguration(url.protocol === 'file:', 'job(): the URL of run must name a file')
  assertConfiguration(
    isolation === 'thread' || isolation === 'process',
    'job(): a handler in a module of its own needs isolation: thread or process',
  )
  assertConfiguration(
    env === undefined ||
      (typeof env === 'object' && env !== null && Object.values(env).every((value) => typeof value === 'string')),
    'job(): env must be an object of strings',
  )
  return {
    kind: isolation,
    url: url.href,
    memory:
      memory === undefined ? null : integerOption('job(): memory', memory, 0, { min: 16, max: 1 << 20, of: 'MiB' }),
    env: env ?? {},
  }
}
