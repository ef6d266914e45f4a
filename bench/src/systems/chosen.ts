import type { Node } from '../node.ts'
import type { Asked } from '../settings.ts'
import { type System, system, systems } from './index.ts'

/** The systems that were asked for and can run here; and a sentence about each that cannot. */
export function chosen(options: Asked, node: Node): { systems: System[]; left: string[] } {
  // The short form and a profile are about this project; in the short form without any server.
  const ours = systems.filter((one) => one.ours && (!options.settings.short || one.needs.length === 0))
  const standard = options.settings.short || options.profile ? ours : systems
  const wanted = options.systems.length > 0 ? options.systems.map(system) : standard
  const left: string[] = []
  const able = wanted.filter((one) => {
    const why = whyNot(one, node)
    if (why !== null) left.push(`not measured: ${one.label}: ${why}`)
    return why === null
  })
  for (const { label, idle } of able)
    if (idle !== undefined) left.push(`only enqueueing is measured: ${label}: ${idle}`)
  return { systems: able, left }
}

function whyNot({ node: oldest = 0 }: System, node: Node): string | null {
  if (node.number < oldest)
    return `it needs Node ${Math.floor(oldest / 100)}.${oldest % 100}, and this is ${node.version}`
  return null
}
