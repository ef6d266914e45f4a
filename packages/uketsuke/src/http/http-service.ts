import type { JobService } from '../service.ts'
import { Draining } from './draining.ts'
import type { HttpOptions } from './identity.ts'
import { Deadlines } from './sse/deadlines.ts'
import { EventCache } from './sse/event-cache.ts'
import { OpenStreams, type StreamQuota } from './sse/open-streams.ts'

/** The longest silence in a stream before it sends a heartbeat comment, in milliseconds. */
const heartbeatMs = 15_000

/** The job service with the state that the HTTP API shares between requests. */
export interface HttpService extends JobService {
  readonly drain: Draining
  /** The heartbeats of all streams, with one timer. */
  readonly heartbeats: Deadlines<{ beat(): void }>
  readonly events: EventCache
  readonly streams: OpenStreams
  /** The OpenAPI document, created on first use. */
  openapi?: object
  /** Whether the warning about requests without the base path has been logged. */
  warnedOfMissingBasePath?: boolean
}

export function createHttpService(
  service: JobService,
  streams: StreamQuota,
  isRevoked: HttpOptions['isRevoked'],
): HttpService {
  return {
    ...service,
    drain: new Draining(service.draining),
    heartbeats: new Deadlines(service.clock, heartbeatMs, (stream) => stream.beat()),
    events: new EventCache(service.base, service.clock, service.estimate),
    streams: new OpenStreams(streams, isRevoked, service),
  }
}
