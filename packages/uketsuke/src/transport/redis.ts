import { prepareStreams, redisStreams } from '../dispatch/redis-streams.ts'
import { redisChangeFeed } from '../notify/redis-change-feed.ts'
import { type RedisOptions, redisSettings } from '../redis/client.ts'
import { RedisConnections } from '../redis/connections.ts'
import type { TransportFactory } from './port.ts'

export type { RedisOptions } from '../redis/client.ts'

/**
 * Notifies processes through Redis 6.2 or later: `createJobs({ dispatch: redis('redis://…') })`. Takes a URL or
 * options. Each job wakes one worker through Redis Streams, and changes are published to all event streams. Jobs stay
 * in the store: while Redis is unavailable, processes poll the store, which only increases latency. Requires the
 * package `@redis/client`.
 * @throws {UketsukeError} `invalid-configuration` if an option is not valid
 */
export function redis(options: string | RedisOptions): TransportFactory {
  const chosen = redisSettings(options)
  return (parts) => {
    const connections = new RedisConnections({ settings: chosen, ...parts }, prepareStreams(chosen.prefix))
    const dispatch = redisStreams({ connections, ...parts, takeOverAfter: chosen.takeOverAfter })
    const changes = redisChangeFeed({ connections, ...parts })
    const description = `Redis Streams at ${chosen.shown}, with the store itself as a fallback`
    return { description, dispatch, changes, start: () => connections.start(), close: () => connections.close() }
  }
}
