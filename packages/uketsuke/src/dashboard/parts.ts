import type { Schedules } from '../schedule/schedules.ts'
import type { JobService } from '../service.ts'
import type { StatisticsReader } from '../statistics/reader.ts'
import type { Store } from '../store/port.ts'
import type { Access } from './access.ts'
import type { Audit } from './audit.ts'
import type { Hidden } from './hidden.ts'

/** What the routes of a dashboard use. */
export interface DashboardParts {
  readonly service: JobService
  readonly store: Store
  readonly schedules: Schedules
  readonly statistics: StatisticsReader
  readonly hidden: Hidden
  readonly access: Access
  readonly audit: Audit
}
