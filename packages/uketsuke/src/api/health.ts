import { type Clock, sleep } from '../base/clock.ts'
import type { Health } from '../domain/health.ts'
import { allOwners, type Store } from '../store/port.ts'

interface HealthParts {
  store: Pick<Store, 'get'>
  ready(): Promise<void>
  clock: Clock
  draining: AbortSignal
}

/** How long the store has to answer, in milliseconds: less than the usual timeout of a probe. */
const patienceMs = 2_000
/** An id that no job has. */
const nobody = '0'.repeat(26)

/** A check that never rejects. */
export function healthCheck({ store, ready, clock, draining }: HealthParts): () => Promise<Health> {
  return async () => {
    const settled = new AbortController()
    const asked = ready().then(() => store.get(allOwners, [nobody]))
    const answered = asked.then(
      () => true,
      () => false,
    )
    const timeout = sleep(clock, patienceMs, settled.signal).then(() => false)
    const ok = await Promise.race([answered, timeout])
    settled.abort()
    return { ready: ok && !draining.aborted, store: ok ? 'ok' : 'unavailable', draining: draining.aborted }
  }
}
