import { UketsukeError } from '../domain/errors.ts'
import { isTypeName } from '../domain/identifiers.ts'
import type { JobService } from '../service.ts'
import { allTypes, type RecordStore } from '../store/records.ts'
import { readPausedTypes, setPaused } from '../work/presence.ts'
import type { Jobs } from './jobs.ts'

/** The verbs that keep workers from claiming jobs. */
export function pausing({ ready, clock }: JobService, records: RecordStore): Pick<Jobs, 'pause' | 'resume' | 'paused'> {
  async function set(type: unknown, paused: boolean): Promise<void> {
    // `pause(undefined)` by mistake would pause everything: only a call without an argument does.
    if (type !== allTypes && !isTypeName(type)) throw new UketsukeError('unknown-job-type')
    await ready()
    await setPaused(records, type, paused, clock.now())
  }
  return {
    pause: (...types) => set(types.length === 0 ? allTypes : types[0], true),
    resume: (...types) => set(types.length === 0 ? allTypes : types[0], false),
    async paused() {
      await ready()
      return [...(await readPausedTypes(records))]
    },
  }
}
