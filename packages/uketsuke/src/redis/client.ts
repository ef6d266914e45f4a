import type { RedisClientType } from '@redis/client'
import { assertConfiguration } from '../base/assert.ts'
import { UketsukeError } from '../domain/errors.ts'
import { integerOption } from '../domain/numbers.ts'

type Module = typeof import('@redis/client')
/** A client that uses RESP3, in which one connection carries both commands and Pub/Sub messages. */
export type Client = RedisClientType

/** The options of `redis()`. */
export interface RedisOptions {
  /** A `redis://`, `rediss://` (TLS) or `unix://` URL, with user, password and database if required. */
  url: string
  /**
   * Prefix of all keys and channels, up to 64 characters; `uketsuke` by default. Programs on different stores need
   * different prefixes.
   */
  prefix?: string
  /**
   * Milliseconds to wait for a response before the connection counts as lost, from 10 to 60,000; 1,000 by default.
   * While Redis is unavailable, processes poll the store.
   */
  timeout?: number
  /**
   * Milliseconds after which another worker takes over a stream entry that a worker has read but not acknowledged, up
   * to one hour; 10,000 by default.
   */
  takeOverAfter?: number
  /** Further options for `createClient` of @redis/client, such as `{ socket: { ca } }` or `{ username, password }`. */
  client?: Record<string, unknown>
}

export interface RedisSettings extends Required<RedisOptions> {
  /** The URL without user and password, for logs. */
  readonly shown: string
}

const minute = 60_000
const takeOver = { min: 1, max: 60 * minute, of: 'milliseconds' }

/** @throws {UketsukeError} `invalid-configuration`, without the secrets in the URL */
export function redisSettings(given: string | RedisOptions): RedisSettings {
  const { url, prefix = 'uketsuke', client = {}, ...numbers } = typeof given === 'string' ? { url: given } : given
  assertConfiguration(
    /^(rediss?|unix):\/\/./.test(url),
    'redis(): the URL must begin with redis://, rediss:// or unix://',
  )
  assertConfiguration(
    /^[^\s*?[\]]{1,64}$/.test(prefix),
    'redis(): prefix must be 1 to 64 characters without spaces or wildcards',
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
      'redis(): the URL is not valid; special characters in the password must be percent-encoded',
    )
    assertConfiguration(
      /^(\/\d{0,5})?$/.test(parsed.pathname),
      'redis(): the path of the URL must be a database number, such as /0',
    )
    shown = `${parsed.protocol}//${parsed.host || 'localhost'}${parsed.pathname}`
  }
  return { url, prefix, timeout, takeOverAfter, client, shown }
}

/** For Node 20, which has no `URL.parse`. The error of `new URL` must not escape, because it contains the whole URL. */
function parse(url: string): URL | null {
  try {
    return new URL(url)
  } catch {
    return null
  }
}

/** Creates clients that connect once and never reconnect by themselves: `RedisConnection` decides when to reconnect. */
export async function loadClient({ url, client }: RedisSettings): Promise<() => Client> {
  const { createClient } = await load()
  return () =>
    createClient({
      maintNotifications: 'disabled',
      ...client,
      url,
      // `RedisConnection` has a deadline for each response. The client's own timeout would set a timer per command,
      // which also fires for commands that have been sent.
      commandOptions: { timeout: undefined, ...(client.commandOptions as object) },
      socket: { connectTimeout: 5_000, ...(client.socket as object), reconnectStrategy: false },
      // Commands must not queue up for a Redis that is unreachable or does not respond.
      disableOfflineQueue: true,
      commandsQueueMaxLength: 50_000,
    }) as Client
}

async function load(): Promise<Module> {
  try {
    return await import('@redis/client')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    const sentence = 'redis() requires the package @redis/client, which is not installed: run npm install @redis/client'
    throw new UketsukeError('invalid-configuration', sentence, { cause })
  }
}
