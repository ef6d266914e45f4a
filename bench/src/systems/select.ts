import type { NodeRuntime } from '../node.ts'
import type { Options } from '../settings.ts'
import { type System, system, systems } from './index.ts'

/** The requested systems that can run here, and notes about those that cannot, or only in part. */
export function selectSystems(options: Options, node: NodeRuntime): { systems: System[]; notes: string[] } {
  // The short form and profiles measure Uketsuke only, and the short form uses no server.
  const ours = systems.filter((one) => one.ours && (!options.settings.short || one.needs.length === 0))
  const defaults = options.settings.short || options.profile ? ours : systems
  const wanted = options.systems.length > 0 ? options.systems.map(system) : defaults
  const notes: string[] = []
  const supported = wanted.filter((one) => {
    const reason = unsupportedReason(one, node)
    if (reason !== null) notes.push(`not measured: ${one.label}: ${reason}`)
    return reason === null
  })
  for (const { label, enqueueOnly } of supported)
    if (enqueueOnly !== undefined) notes.push(`enqueue only: ${label}: ${enqueueOnly}`)
  return { systems: supported, notes }
}

function unsupportedReason({ node: oldest = 0 }: System, node: NodeRuntime): string | null {
  if (node.number < oldest) return `requires Node ${Math.floor(oldest / 100)}.${oldest % 100}, this is ${node.version}`
  return null
}
