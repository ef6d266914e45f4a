import type { Unfinished } from './port.ts'

/** Adds up counts of the same type. The `oldest` of each is when its first job runs, which may be in the future. */
export function byType(counts: readonly Unfinished[], now: number): Unfinished[] {
  const types = new Map<string, Unfinished>()
  for (const { type, pending, running, oldest } of counts) {
    const known = types.get(type) ?? { type, pending: 0, running: 0, oldest: null }
    const due = oldest !== null && oldest <= now ? oldest : null
    types.set(type, {
      type,
      pending: known.pending + pending,
      running: known.running + running,
      oldest: due === null ? known.oldest : Math.min(due, known.oldest ?? due),
    })
  }
  return [...types.values()].sort((a, b) => (a.type < b.type ? -1 : 1))
}
