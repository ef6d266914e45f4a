import { completionLatency } from './completion-latency.ts'
import { crash } from './crash.ts'
import { drain } from './drain.ts'
import { bulk, enqueue } from './enqueue.ts'
import { growth } from './growth.ts'
import { http } from './http.ts'
import { pickup, pickupHere } from './pickup.ts'
import type { Measure } from './port.ts'
import { sse } from './sse.ts'
import { steady, steadyApart } from './steady.ts'
import { webhooks } from './webhooks.ts'

/** In the order of the report. */
export const measures: readonly Measure[] = [
  enqueue,
  bulk,
  drain,
  steady,
  steadyApart,
  pickup,
  pickupHere,
  completionLatency,
  http,
  growth,
  sse,
  webhooks,
  crash,
]

export function measure(name: string): Measure {
  const found = measures.find((one) => one.name === name)
  if (found === undefined)
    throw new Error(`There is no measure "${name}": ${measures.map((one) => one.name).join(', ')}`)
  return found
}
