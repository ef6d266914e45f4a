import type { Settings } from '../settings.ts'
import type { System } from '../systems/index.ts'
import type { OpenOptions, Queue, Resources } from '../systems/port.ts'

/** One row of a measure's table. */
export interface Entry {
  readonly name: string
  readonly label: string
  /** Null for an entry without a job system, such as a no-op HTTP server. */
  readonly system: System | null
  /** Selects a variant of the measure. */
  readonly variant?: string
}

export interface Figure {
  readonly key: string
  readonly title: string
  /** Which direction is better; null for figures that are not compared. */
  readonly better: 'higher' | 'lower' | null
  readonly digits?: number
}

/** The figures of one run, by their keys. */
export interface RunResult {
  readonly figures: Readonly<Record<string, number>>
  readonly durability?: string
}

/** What a role gets in its child process. All values between the processes are JSON. */
export interface ChildContext {
  readonly settings: Settings
  readonly entry: Pick<Entry, 'name'> & { variant?: string | undefined }
  readonly resources: Resources
  /** The `input` of `spawn`. */
  readonly input: unknown
  open(options?: OpenOptions): Promise<Queue>
  /** Sends an event to the main process. */
  send(event: string, value?: unknown): void
  /** Resolves with the value of an event from the main process. */
  receive(event: string): Promise<unknown>
}

/** A child process that runs a role, seen from the main process. */
export interface Child {
  readonly pid: number
  /** Resolves with the value of an event from the child. Rejects if the child fails or exits first. */
  receive(event: string): Promise<unknown>
  send(event: string, value?: unknown): void
  /** What the role returned. */
  result(): Promise<unknown>
  /** SIGKILL. */
  kill(): Promise<void>
}

/** What a measure's `run` gets in the main process. */
export interface RunContext {
  readonly settings: Settings
  readonly entry: Entry
  readonly resources: Resources
  /** Starts a child process, with this run's resources by default. */
  spawn(role: string, input?: unknown, resources?: Resources): Child
  /** Further resources, as empty as the first. */
  newResources(): Promise<Resources>
  /** CPU seconds that PostgreSQL and Redis have used so far. */
  serverCpu(): number
}

export interface Measure {
  readonly name: string
  readonly title: string
  /** What is measured, for the report. */
  readonly about: string
  readonly figures: readonly Figure[]
  /** The default number of rounds. */
  readonly rounds: number
  /** Whether it is part of the short form. */
  readonly short: boolean
  /** Runs only where `--only` names it. */
  readonly onlyByName?: boolean
  entries(systems: readonly System[]): Entry[]
  /** One run of one entry, in the main process. Throws if jobs were lost or ran twice. */
  run(context: RunContext): Promise<RunResult>
  /** The roles of the child processes. */
  readonly roles: Readonly<Record<string, (context: ChildContext) => Promise<unknown>>>
}

/** An entry for each system. */
export const each = (systems: readonly System[]): Entry[] =>
  systems.map((system) => ({ name: system.name, label: system.label, system }))

/** An entry for each system whose worker can be measured. */
export const withWorkers = (systems: readonly System[]): Entry[] =>
  each(systems.filter(({ enqueueOnly }) => enqueueOnly === undefined))
