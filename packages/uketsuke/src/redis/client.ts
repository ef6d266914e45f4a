import type { RedisClientType } from '@redis/client'
import { assertConfiguration } from '../base/assert.ts'
import { UketsukeError } from '../domain/errors.ts'
import { integerOption } from '../domain/numbers.ts'

type Module = typeof import('@redis/client')
/** With the third protocol, in which one connection takes messages and commands. */
export type Client = RedisClientType

export interface RedisOptions {
  /** `redis://`, `rediss://` (TLS) or `unix://`, with user, password and database where they are needed. */
  url: string
  /** Begins every key and channel; `uketsuke` by default. Programs with another store need another prefix. */
  prefix?: string
  /** An answer that takes longer counts as none, in milliseconds; 1,000 by default. Meanwhile the store is asked instead. */
  timeout?: number
  /** After how many milliseconds another worker takes over what a worker read and did not settle; 10,000 by default. */
  takeOverAfter?: number
  /** Anything else that `createClient` of @redis/client takes, such as `{ socket: { ca } }` or `{ username, password }`. */
  client?: Record<string, unknown>
}

export interface RedisSettings extends Required<RedisOptions> {
  /** The URL as it may be shown: without user and password. */
  readonly shown: string
}

const minute = 60_000
const takeOver = { min: 1, max: 60 * minute, of: 'milliseconds' }

/** @throws {UketsukeError} `invalid-configuration`, which never says what is secret in the URL */
export function redisSettings(given: string | RedisOptions): RedisSettings {
  const { url, prefix = 'uketsuke', client = {}, ...numbers } = typeof given === 'string' ? { url: given } : given
  assertConfiguration(
    /^(rediss?|unix):\/\/./.test(url),
    'redis(): the URL must begin with redis://, rediss:// or unix://',
  )
  assertConfiguration(
    /^[^\s*?[\]]{1,64}$/.test(prefix),
    'redis(): prefix must be 1 to 64 characters without spaces and wildcards',
  )
  const timeout = integerOption('redis(): timeout', numbers.timeout, 1_000, {
    min: 10,
    max: minute,
    of: 'milliseconds',
  })
  const takeOverAfter = integerOption('redis(): takeOverAfter', numbers.takeOverAfter, 10_000, takeOver)
  let shown = 'unix socket'
  if (!url.startsWith('unix:')) {
    const parsed = URL.parse ? URL.parse(url) : parse(url)
    assertConfiguration(
      parsed !== null,
      'redis(): the URL cannot be read; a password needs its special characters percent-encoded',
    )
    shown = `${parsed.protocol}//${parsed.host || 'localhost'}${parsed.pathname}`
  }
  return { url, prefix, timeout, takeOverAfter, client, shown }
}

/** Node 20 has no `URL.parse`, and what `new URL` throws holds the whole URL. */
function parse(url: string): URL | null {
  try {
    return new URL(url)
  } catch {
    return null
  }
}

/** Makes clients that connect once and never again by themselves: `Link` decides when. */
export async function loadClient({ url, client }: RedisSettings): Promise<() => Client> {
  const { createClient } = await load()
  return () =>
    createClient({
      maintNotifications: 'disabled',
      ...client,
      url,
      // `Link` has a deadline for each answer. The client's own would be a timer for each command, which goes off even when it was sent.
      commandOptions: { timeout: undefined, ...(client.commandOptions as object) },
      socket: { connectTimeout: 5_000, ...(client.socket as object), reconnectStrategy: false },
      // Nothing waits in a queue for a Redis that is not there, or that does not answer.
      disableOfflineQueue: true,
      commandsQueueMaxLength: 50_000,
    }) as Client
}

async function load(): Promise<Module> {
  try {
    return await import('@redis/client')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    const sentence = 'redis() needs the package @redis/client, which is not installed: npm install @redis/client'
    throw new UketsukeError('invalid-configuration', sentence, { cause })
  }
}
