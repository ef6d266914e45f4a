import type { JobView } from '@uketsuke/client'
import type { JobTypes } from '../definition/define.ts'
import { view } from '../domain/view.ts'
import type { ScheduleOptions, ScheduleView } from '../schedule/schedule.ts'
import type { Schedules } from '../schedule/schedules.ts'
import type { JobService } from '../service.ts'

/** The schedules of all processes on the store. They belong to operators, not to owners. */
export interface ScheduleVerbs<Types extends JobTypes> {
  /**
   * Creates or changes a schedule at run time. A changed one begins anew from now on.
   * @throws {UketsukeError} `validation-error`, also if it is declared in `createJobs({ schedules })`; `unknown-job-type`, `invalid-owner`
   */
  set(name: string, schedule: ScheduleOptions<Types>): Promise<ScheduleView>
  /** Resolves with all schedules, by name. */
  list(): Promise<ScheduleView[]>
  /** Resolves with null if there is no such schedule. */
  get(name: string): Promise<ScheduleView | null>
  /** Removes a schedule that was made at run time. Its jobs stay. @throws {UketsukeError} `not-found`, `validation-error` */
  remove(name: string): Promise<void>
  /** Creates no jobs until `resume`. A job for each time that passes meanwhile is not made up for. @throws {UketsukeError} `not-found` */
  pause(name: string): Promise<ScheduleView>
  /** @throws {UketsukeError} `not-found` */
  resume(name: string): Promise<ScheduleView>
  /** Creates a job now, besides those of the schedule. @throws {UketsukeError} `not-found`, and as `enqueue` does */
  run(name: string): Promise<JobView>
  /** The same for a program that need not know the job type: a worker creates the job within seconds. @throws {UketsukeError} `not-found` */
  requestRun(name: string): Promise<void>
}

export function scheduleVerbs<Types extends JobTypes>(schedules: Schedules, service: JobService): ScheduleVerbs<Types> {
  return {
    set: (name, schedule) => schedules.set(name, schedule),
    list: () => schedules.list(),
    get: (name) => schedules.get(name),
    remove: (name) => schedules.remove(name),
    pause: (name) => schedules.pause(name),
    resume: (name) => schedules.resume(name),
    requestRun: (name) => schedules.requestRun(name),
    run: async (name) => view(await schedules.run(name), service.base),
  }
}
