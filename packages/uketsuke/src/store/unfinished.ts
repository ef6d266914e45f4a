import type { Unfinished } from './port.ts'

/** Counts more jobs than any store holds. */
export const uncapped = 1_000_000_000

/** Adds up counts of the same type, up to `most`. The `oldest` of each is when its first job runs, which may be in the future. */
export function byType(counts: readonly Unfinished[], now: number, most = uncapped): Unfinished[] {
  const types = new Map<string, Unfinished>()
  for (const { type, pending, running, oldest } of counts) {
    const known = types.get(type) ?? { type, pending: 0, running: 0, oldest: null }
    const due = oldest !== null && oldest <= now ? oldest : null
    types.set(type, {
      type,
      pending: Math.min(known.pending + pending, most),
      running: known.running + running,
      oldest: due === null ? known.oldest : Math.min(due, known.oldest ?? due),
    })
  }
  return [...types.values()].sort((a, b) => (a.type < b.type ? -1 : 1))
}
