import type { DashboardParts } from './parts.ts'
import type { SchedulesView } from './wire.ts'

/** The schedules, without their inputs. */
export async function schedules({ service, schedules }: DashboardParts): Promise<SchedulesView> {
  const items = (await schedules.list()).map(({ input: _, next, lastRunAt, ...rest }) => ({
    ...rest,
    next: next.map((time) => Date.parse(time)),
    lastRunAt: lastRunAt === null ? null : Date.parse(lastRunAt),
  }))
  return { now: service.clock.now(), items }
}
