import type { Clock } from '../base/clock.ts'
import type { JobType } from '../definition/define.ts'
import type { Admission } from '../dispatch/admission.ts'
import type { Destinations } from '../notify/destinations.ts'
import type { WaitingJobs } from '../quota/waiting-jobs.ts'
import type { Store } from '../store/port.ts'
import type { Transition } from '../store/transition.ts'
import type { FairRanks } from './fair-ranks.ts'
import type { Limits } from './validate.ts'

/** What accepting a job needs. */
export interface AcceptParts {
  store: Store
  ranks: FairRanks
  admission: Pick<Admission, 'announce'>
  transition: Transition
  clock: Clock
  types: ReadonlyMap<string, JobType>
  destinations: Destinations
  limits: Limits
  /** Null if the number of waiting jobs is not limited. */
  waitingJobs: WaitingJobs | null
  newId: () => string
}
