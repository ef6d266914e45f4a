import type { Settings } from '../settings.ts'
import type { System } from '../systems/index.ts'
import type { OpenOptions, Place, Queue } from '../systems/port.ts'

/** One row of a measure's table. */
export interface Entry {
  readonly name: string
  readonly label: string
  /** Null for what needs no job system, such as an HTTP server that answers nothing. */
  readonly system: System | null
  /** What else the measure must know of it. */
  readonly variant?: string
}

export interface Figure {
  readonly key: string
  readonly title: string
  /** Whether a ratio is of use, and which way is better. */
  readonly better: 'more' | 'less' | null
  readonly digits?: number
}

/** What one run found, by the figures' keys. */
export interface Sample {
  readonly figures: Readonly<Record<string, number>>
  readonly durability?: string
}

/** What a child process gets. Everything passes between the processes as JSON. */
export interface Scene {
  readonly settings: Settings
  readonly entry: Pick<Entry, 'name'> & { variant?: string | undefined; size: number }
  readonly place: Place
  /** What the measure gave to `play`. */
  readonly given: unknown
  open(options?: OpenOptions): Promise<Queue>
  /** Tells the main process. */
  say(event: string, value?: unknown): void
  /** Resolves with what the main process says. */
  heard(event: string): Promise<unknown>
}

/** A child process that plays a role. */
export interface Actor {
  readonly pid: number
  /** Rejects where the child fails or ends instead. */
  heard(event: string): Promise<unknown>
  say(event: string, value?: unknown): void
  /** What the role gave. */
  done(): Promise<unknown>
  /** SIGKILL. */
  kill(): Promise<void>
}

export interface Stage {
  readonly settings: Settings
  readonly entry: Entry
  readonly place: Place
  /** Starts a child; at this run's place unless another is given. */
  play(role: string, given?: unknown, place?: Place): Actor
  /** Another place, as new as the first. */
  fresh(): Promise<Place>
  /** CPU seconds that PostgreSQL and Redis have used until now. */
  serverCpu(): number
}

export interface Measure {
  readonly name: string
  readonly title: string
  /** What the figures mean, for the report. */
  readonly about: string
  readonly figures: readonly Figure[]
  /** How often by default. */
  readonly rounds: number
  /** In CI too. */
  readonly short: boolean
  entries(systems: readonly System[]): Entry[]
  /** One run of one entry, in the main process. Throws rather than give a figure about jobs that were lost or ran twice. */
  run(stage: Stage): Promise<Sample>
  /** What children do. */
  readonly roles: Readonly<Record<string, (scene: Scene) => Promise<unknown>>>
}

/** A row for each system. */
export const each = (systems: readonly System[]): Entry[] =>
  systems.map((system) => ({ name: system.name, label: system.label, system }))

/** A row for each system whose worker runs here. */
export const working = (systems: readonly System[]): Entry[] => each(systems.filter(({ idle }) => idle === undefined))
