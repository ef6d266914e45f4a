import { performance } from '../base/timers.ts'
import type { Store } from '../store/port.ts'

/** Reports the duration and the size of each commit. */
export function timed(store: Store, committed: (operation: string, ms: number, rows: number) => void): Store {
  const measure = async <T>(operation: string, rows: (result: T) => number, commit: Promise<T>): Promise<T> => {
    const start = performance.now()
    const result = await commit
    // A claim that finds nothing commits nothing.
    if (rows(result) > 0) committed(operation, performance.now() - start, rows(result))
    return result
  }
  const { insert, replace, claim } = store
  return Object.assign(store, {
    insert: (inserts, waiting) => measure('insert', () => inserts.length, insert(inserts, waiting)),
    replace: (changes) => measure('replace', () => changes.length, replace(changes)),
    claim: (query) => measure('claim', (jobs) => jobs.length, claim(query)),
  } satisfies Partial<Store>)
}
