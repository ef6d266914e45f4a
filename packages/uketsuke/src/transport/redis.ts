import { prepareStreams, redisStreams } from '../dispatch/redis-streams.ts'
import { redisChangeFeed } from '../notify/redis-change-feed.ts'
import { type RedisOptions, redisSettings } from '../redis/client.ts'
import { RedisConnections } from '../redis/connections.ts'
import type { TransportFactory } from './port.ts'

export type { RedisOptions } from '../redis/client.ts'

/**
 * Redis 6.2 or newer between the processes, for `createJobs({ dispatch: redis('redis://…') })`: each job wakes one worker through Redis
 * Streams, and changes are published to all event streams. What is lost with Redis is latency: jobs are in the store, which is asked
 * instead until Redis is back.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function redis(options: string | RedisOptions): TransportFactory {
  const chosen = redisSettings(options)
  return (parts) => {
    const connections = new RedisConnections({ settings: chosen, ...parts }, prepareStreams(chosen.prefix))
    const dispatch = redisStreams({ connections, ...parts, takeOverAfter: chosen.takeOverAfter })
    const changes = redisChangeFeed({ connections, ...parts })
    const description = `Redis Streams at ${chosen.shown}, and the store itself while that is away`
    return { description, dispatch, changes, start: () => connections.start(), close: () => connections.close() }
  }
}
