import type { JobService } from '../service.ts'
import { Draining } from './draining.ts'
import { Deadlines } from './sse/deadlines.ts'
import { EventCache } from './sse/event-cache.ts'

/** How long a stream may be silent before it sends a comment, in milliseconds. */
const heartbeatMs = 15_000

/** The job service, with what the HTTP side of one program keeps beside it. */
export interface HttpService extends JobService {
  readonly drain: Draining
  /** One timer for the comments of all streams. */
  readonly heartbeats: Deadlines<{ beat(): void }>
  readonly events: EventCache
  /** Made on first use. */
  openapi?: object
  /** A request came without the base path, and the log says so. */
  warnedOfMissingBasePath?: boolean
}

export function createHttpService(service: JobService): HttpService {
  return {
    ...service,
    drain: new Draining(service.draining),
    heartbeats: new Deadlines(service.clock, heartbeatMs, (stream) => stream.beat()),
    events: new EventCache(service.base, service.clock),
  }
}
