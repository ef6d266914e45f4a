import { assertConfiguration } from '../../base/assert.ts'
import type { AdapterOptions } from '../identified.ts'

/** `identify` of an adapter for one request. */
export const bound = <Req>(identify: AdapterOptions<Req>['identify'], req: unknown) =>
  identify && (() => identify(req as Req))

/** A wrapper of `jobs.fetch` or `jobs.accept` gets a `Request`, which carries no identity. @throws `invalid-configuration` */
export function assertUnwrapped(identify: unknown): void {
  assertConfiguration(
    identify === undefined,
    'identify requires the object that createJobs() returned, not a wrapped one',
  )
}
