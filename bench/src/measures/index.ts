import { completionLatency } from './completion-latency.ts'
import { crash } from './crash.ts'
import { deadReceiver } from './dead-receiver.ts'
import { drain } from './drain.ts'
import { endurance } from './endurance.ts'
import { bulk, enqueue } from './enqueue.ts'
import { growth } from './growth.ts'
import { http } from './http.ts'
import { pickup, pickupManyWorkers, pickupSameProcess } from './pickup.ts'
import { pickupLimited } from './pickup-limited.ts'
import type { Measure } from './port.ts'
import { sse } from './sse.ts'
import { steady, steadyTwoProcesses } from './steady.ts'
import { webhooks } from './webhooks.ts'

/** In the order of the report. */
export const measures: readonly Measure[] = [
  enqueue,
  bulk,
  drain,
  steady,
  steadyTwoProcesses,
  pickup,
  pickupSameProcess,
  pickupManyWorkers,
  pickupLimited,
  completionLatency,
  http,
  growth,
  sse,
  webhooks,
  deadReceiver,
  crash,
  endurance,
]

export function measure(name: string): Measure {
  const found = measures.find((one) => one.name === name)
  if (found === undefined)
    throw new Error(`Unknown measure "${name}"; available: ${measures.map((one) => one.name).join(', ')}`)
  return found
}
