import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

/** The functions in which most time was spent, themselves and not what they call, for each profile in the folder. */
export function hottest(folder: string, most = 30): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
  return files
    .map((name) => `${join(folder, name)}\n${top(JSON.parse(readFileSync(join(folder, name), 'utf8')), most)}`)
    .join('\n\n')
}

function top({ nodes, samples, timeDeltas }: Profile, most: number): string {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, number>()
  let all = 0
  samples.forEach((id, i) => {
    const frame = frames.get(id)
    const ms = (timeDeltas[i] ?? 0) / 1_000
    if (frame === undefined) return
    const where =
      frame.url === '' ? '' : ` ${frame.url.replace(/^.*\/(node_modules|dist)\//, '')}:${frame.lineNumber + 1}`
    const name = `${frame.functionName || '(anonymous)'}${where}`
    times.set(name, (times.get(name) ?? 0) + ms)
    all += ms
  })
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([name, ms]) => `${((100 * ms) / all).toFixed(1).padStart(6)} % ${ms.toFixed(0).padStart(7)} ms  ${name}`)
    .join('\n')
}
