import type { JobService } from '../service.ts'

const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `fn` when the process drains, at once where it does already; the returned function takes that back. Thousands of streams wait
 * for this one signal: listeners of their own would cost a walk over all of them each, and Node warns of a leak from the eleventh on.
 */
export function onDraining({ draining }: JobService, fn: () => void): () => void {
  if (draining.aborted) {
    fn()
    return () => {}
  }
  const all = waiting.get(draining) ?? new Set()
  if (!waiting.has(draining)) {
    waiting.set(draining, all)
    draining.addEventListener('abort', () => {
      for (const one of all) one()
    })
  }
  all.add(fn)
  return () => void all.delete(fn)
}
