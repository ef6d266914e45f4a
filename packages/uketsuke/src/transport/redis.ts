import { prepareStreams, redisStreams } from '../dispatch/redis-streams.ts'
import { redisSignal } from '../notify/redis-change-feed.ts'
import { type RedisOptions, settings } from '../redis/client.ts'
import { Hub } from '../redis/connections.ts'
import type { OpenRelay } from './port.ts'

export type { RedisOptions } from '../redis/client.ts'

/**
 * Redis 6.2 or newer between the processes, for `createJobs({ dispatch: redis('redis://…') })`: each job wakes one worker through Redis
 * Streams, and changes are published to all event streams. What is lost with Redis is latency: jobs are in the store, which is asked
 * instead until Redis is back.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function redis(options: string | RedisOptions): OpenRelay {
  const chosen = settings(options)
  return (parts) => {
    const hub = new Hub({ settings: chosen, ...parts }, prepareStreams(chosen.prefix))
    const dispatch = redisStreams({ hub, ...parts, takeOverAfter: chosen.takeOverAfter })
    const signal = redisSignal({ hub, ...parts })
    const description = `Redis Streams at ${chosen.shown}, and the store itself while that is away`
    return { description, dispatch, signal, start: () => hub.start(), close: () => hub.close() }
  }
}
