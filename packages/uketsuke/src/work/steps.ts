import type { Clock } from '../base/clock.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Store } from '../store/port.ts'
import type { HeldJob } from './lease.ts'
import { serializeOutput } from './output.ts'
import { whileHeld } from './while-held.ts'

/** The kind of the fragments with the results of steps. Their keys are the names of the steps. */
const stepKind = 'step'
/** How many steps a job may have. All of them are read before the first. */
export const mostSteps = 1_000
const longestName = 255

export interface StepParts {
  readonly store: Pick<Store, 'addFragments' | 'fragments'>
  readonly clock: Clock
  /** The maximum size of a result as JSON, in bytes. */
  readonly outputBytes: number
}

/** The steps of one attempt, with the results of those that earlier attempts have finished. */
export class Steps {
  readonly #held: HeldJob
  readonly #parts: StepParts
  readonly #used = new Set<string>()
  /** The names of all steps of the job, those of earlier attempts included. */
  readonly #all = new Set<string>()
  #finished: Promise<Map<string, string>> | null = null

  constructor(held: HeldJob, parts: StepParts) {
    this.#held = held
    this.#parts = parts
  }

  /** The handler's `step`. */
  readonly run = async (name: string, fn: () => unknown): Promise<unknown> => {
    this.#use(name)
    this.#held.throwIfAborted()
    this.#finished ??= this.#read()
    const finished = (await this.#finished).get(name)
    if (finished !== undefined) return JSON.parse(finished)
    this.#begin(name)
    return JSON.parse(await this.#store(name, await fn()))
  }

  #use(name: string): void {
    if (typeof name !== 'string' || name === '' || name.length > longestName) {
      throw new UketsukeError('invalid-step', `The name of a step must be a text of 1 to ${longestName} characters.`)
    }
    if (this.#used.has(name)) {
      throw new UketsukeError(
        'invalid-step',
        `The step "${name}" was used twice in one attempt: give each a name of its own.`,
      )
    }
    this.#used.add(name)
  }

  /** Names that change with each attempt would otherwise be more than are read. */
  #begin(name: string): void {
    this.#all.add(name)
    if (this.#all.size > mostSteps)
      throw new UketsukeError('invalid-step', `A job has at most ${mostSteps.toLocaleString('en-US')} steps.`)
  }

  async #read(): Promise<Map<string, string>> {
    const { store, clock } = this.#parts
    const { id: jobId, owner } = this.#held.job
    const query = { owner, jobId, kind: stepKind, after: null, limit: mostSteps }
    const found = await whileHeld(this.#held, clock, () => store.fragments(query))
    for (const { key } of found) this.#all.add(key)
    return new Map(found.map(({ key, value }) => [key, value]))
  }

  /** Stores the result of a step that was cancelled meanwhile, too: what it did is done. */
  async #store(name: string, result: unknown): Promise<string> {
    const { store, clock, outputBytes } = this.#parts
    const value = serializeOutput(result, outputBytes, `The result of the step "${name}"`)
    const { lease } = this.#held
    const [stored] = await whileHeld(this.#held, clock, () =>
      store.addFragments([{ lease, kind: stepKind, key: name, value }]),
    )
    if (stored !== true) this.#held.abort('lease-lost')
    this.#held.throwIfAborted()
    return value
  }
}
