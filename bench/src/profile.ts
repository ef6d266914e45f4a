import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

/** The functions with the most self time, for each profile in the folder. */
export function hottestFunctions(folder: string, limit = 30): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
  return files
    .map(
      (name) => `${join(folder, name)}\n${topFunctions(JSON.parse(readFileSync(join(folder, name), 'utf8')), limit)}`,
    )
    .join('\n\n')
}

function topFunctions({ nodes, samples, timeDeltas }: Profile, limit: number): string {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, number>()
  let total = 0
  samples.forEach((id, i) => {
    const frame = frames.get(id)
    const ms = (timeDeltas[i] ?? 0) / 1_000
    if (frame === undefined) return
    const where =
      frame.url === '' ? '' : ` ${frame.url.replace(/^.*\/(node_modules|dist)\//, '')}:${frame.lineNumber + 1}`
    const name = `${frame.functionName || '(anonymous)'}${where}`
    times.set(name, (times.get(name) ?? 0) + ms)
    total += ms
  })
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, limit)
    .map(([name, ms]) => `${((100 * ms) / total).toFixed(1).padStart(6)} % ${ms.toFixed(0).padStart(7)} ms  ${name}`)
    .join('\n')
}
