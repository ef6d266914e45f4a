import type { Accepted } from '../accept/accept.ts'
import type { AcceptRequest } from '../accept/request.ts'
import type { Clock } from '../base/clock.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { define, pause, requestRun, resume, type Schedule } from '../domain/schedule.ts'
import { readable } from '../domain/view.ts'
import { operators, type RecordStore } from '../store/records.ts'
import { declaredWrongly } from './declared.ts'
import { definitionOf, type ScheduleView, viewOf } from './schedule.ts'

const kind = 'schedule'
const page = 200

export interface ScheduleParts {
  readonly records: RecordStore
  readonly clock: Clock
  /** Resolves when the store is open. */
  ready(): Promise<void>
  /** Validates a request without storing a job. */
  check(request: AcceptRequest): Promise<void>
  accept(request: AcceptRequest): Promise<Accepted>
  /** Called when a schedule may be due earlier than before. */
  changed(): void
}

/** The stored schedules of all processes. */
export class Schedules {
  readonly #parts: ScheduleParts

  constructor(parts: ScheduleParts) {
    this.#parts = parts
  }

  /**
   * Stores the schedules that are declared in code, and removes those that no longer are. A changed one begins anew from now on. Called
   * while the store opens. @throws {UketsukeError} `invalid-configuration`
   */
  async declare(declared: Readonly<Record<string, object>>): Promise<void> {
    for (const [name, options] of Object.entries(declared)) {
      try {
        await this.#store(name, options, true)
      } catch (error) {
        throw declaredWrongly(name, error)
      }
    }
    for (const [name, schedule] of await this.all()) {
      if (schedule.declared && !Object.hasOwn(declared, name)) await this.#parts.records.remove(kind, operators, name)
    }
  }

  async set(name: string, options: object): Promise<ScheduleView> {
    await this.#parts.ready()
    const schedule = await this.#store(name, options, false)
    this.#parts.changed()
    return this.#view(name, schedule)
  }

  async #store(name: string, options: object, declared: boolean): Promise<Schedule> {
    const { records, clock, check } = this.#parts
    const asked = definitionOf(name, options, declared)
    await check(request(asked))
    let unchanged: Schedule | null = null
    const value = await records.update(kind, operators, name, (value) => {
      unchanged = parse(value)
      if (unchanged?.declared && !declared) throw declaredInCode(name, 'change it there')
      return textOf(define(unchanged, asked, clock.now()))
    })
    return parse(value) ?? (unchanged as unknown as Schedule)
  }

  async list(): Promise<ScheduleView[]> {
    await this.#parts.ready()
    return [...(await this.all())].map(([name, schedule]) => this.#view(name, schedule))
  }

  async get(name: string): Promise<ScheduleView | null> {
    await this.#parts.ready()
    const schedule = await this.#find(name)
    return schedule === null ? null : this.#view(name, schedule)
  }

  /** @throws {UketsukeError} `not-found` */
  async remove(name: string): Promise<void> {
    await this.#parts.ready()
    const schedule = await this.#find(name)
    if (schedule?.declared) throw declaredInCode(name, 'remove it there, or pause it')
    if (!(await this.#parts.records.remove(kind, operators, name))) throw notFound(name)
  }

  /** @throws {UketsukeError} `not-found` */
  pause(name: string): Promise<ScheduleView> {
    return this.#changed(name, pause)
  }

  /** @throws {UketsukeError} `not-found` */
  resume(name: string): Promise<ScheduleView> {
    return this.#changed(name, (stored) => resume(stored, this.#parts.clock.now()))
  }

  /**
   * Has a worker create a job within seconds, for a process that does not know the job type.
   * @throws {UketsukeError} `not-found`
   */
  async requestRun(name: string): Promise<void> {
    await this.#changed(name, (stored) => requestRun(stored, this.#parts.clock.now()))
  }

  async #changed(name: string, rule: (stored: Schedule) => Schedule | null): Promise<ScheduleView> {
    await this.#parts.ready()
    const schedule = (await this.change(name, rule)) ?? (await this.#find(name))
    if (schedule === null) throw notFound(name)
    this.#parts.changed()
    return this.#view(name, schedule)
  }

  /** Creates a job now, besides those of the schedule. @throws {UketsukeError} `not-found`, and as `enqueue` does */
  async run(name: string): Promise<Job> {
    await this.#parts.ready()
    const schedule = await this.#find(name)
    if (schedule === null) throw notFound(name)
    return (await this.#parts.accept({ ...request(schedule), metadata: { schedule: name } })).job
  }

  async all(): Promise<Map<string, Schedule>> {
    const found = new Map<string, Schedule>()
    for (let last: string | null = null; ; ) {
      const records = await this.#parts.records.list(kind, operators, last, page)
      for (const { id, value } of records) {
        const schedule = parse(value)
        if (schedule !== null) found.set(id, schedule)
      }
      last = records.at(-1)?.id ?? null
      if (records.length < page) return found
    }
  }

  /** Applies a rule to a stored schedule. Resolves with null if it does not apply, or there is no such schedule. */
  async change(name: string, rule: (stored: Schedule) => Schedule | null): Promise<Schedule | null> {
    const changed = await this.#parts.records.update(kind, operators, name, (value) => {
      const stored = parse(value)
      return textOf(stored && rule(stored))
    })
    return parse(changed)
  }

  async #find(name: string): Promise<Schedule | null> {
    return parse((await this.#parts.records.get(kind, operators, name))?.value ?? null)
  }

  #view(name: string, schedule: Schedule): ScheduleView {
    return viewOf(name, schedule, this.#parts.clock.now())
  }
}

/** The request for a job of a schedule. */
export const request = ({ owner, type, input }: Pick<Schedule, 'owner' | 'type' | 'input'>): AcceptRequest => ({
  owner,
  type,
  input,
})

/** A damaged record counts as absent. */
function parse(value: string | null): Schedule | null {
  const stored = value === null ? null : (readable(value) as Schedule | null)
  return typeof stored?.cron === 'string' ? stored : null
}

const textOf = (schedule: Schedule | null) => (schedule === null ? null : JSON.stringify(schedule))

const declaredInCode = (name: string, hint: string) =>
  new UketsukeError('validation-error', `The schedule "${name}" is declared in code: ${hint}.`)
const notFound = (name: string) => new UketsukeError('not-found', `There is no schedule "${name}".`)
