import { parseArgs } from 'node:util'

/** The size of a run. `short` is for CI: it verifies that no job is lost, and its figures are not meaningful. */
export interface Settings {
  readonly short: boolean
  /** The duration of each timed run. */
  readonly seconds: number
  /** Enqueue calls in flight. */
  readonly concurrency: number
  /** The number of jobs to drain, the same for all systems. */
  readonly jobs: number
  /** Jobs whose end is reported by webhook. */
  readonly webhooks: number
  /** Jobs whose latency is measured, one every 50 ms. */
  readonly samples: number
  readonly connections: number
  readonly events: number
  readonly finished: number
  readonly backlog: number
  /** The duration of an endurance run, and its jobs a second. */
  readonly minutes: number
  readonly pace: number
  /** Seconds after which a child process is killed. */
  readonly patience: number
}

const long: Settings = {
  short: false,
  seconds: 5,
  concurrency: 200,
  jobs: 50_000,
  webhooks: 10_000,
  samples: 200,
  connections: 10_000,
  events: 15,
  finished: 1_000_000,
  backlog: 500_000,
  minutes: 30,
  pace: 7_000,
  patience: 180,
}

const short: Settings = {
  short: true,
  seconds: 0.4,
  concurrency: 50,
  jobs: 200,
  webhooks: 200,
  samples: 20,
  connections: 200,
  events: 3,
  finished: 2_000,
  backlog: 1_000,
  minutes: 1,
  pace: 100,
  patience: 60,
}

export interface Options {
  readonly settings: Settings
  /** The rounds of a measure; null for its default. */
  rounds(measure: string): number | null
  readonly only: readonly string[]
  readonly systems: readonly string[]
  readonly profile: boolean
  /** The Node of the child processes: `current`, or a major version of the npm package. */
  readonly node: string
  /** Where files and databases are stored. */
  readonly folder: string | null
  /** The file of the report; null for none. */
  readonly out: string | null
  readonly list: boolean
}

/** @throws if an option is unknown or invalid */
export function parseOptions(args: readonly string[]): Options {
  const number = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      systems: { type: 'string' },
      profile: { type: 'string' },
      short: { type: 'boolean' },
      list: { type: 'boolean' },
      node: { type: 'string' },
      folder: { type: 'string' },
      out: { type: 'string' },
      rounds: number,
      seconds: number,
      concurrency: number,
      jobs: number,
      webhooks: number,
      samples: number,
      connections: number,
      events: number,
      finished: number,
      backlog: number,
      minutes: number,
      pace: number,
      patience: number,
    },
  })
  const base = values.short ? short : long
  const settings = { ...base }
  for (const key of Object.keys(base) as (keyof Settings)[]) {
    const given = key === 'short' ? undefined : values[key]
    if (given === undefined || key === 'short') continue
    if (!(Number(given) >= 0)) throw new Error(`--${key} must be a number of at least 0.`)
    Object.assign(settings, { [key]: Number(given) })
  }
  const list = (text: string | undefined) => text?.split(',').filter(Boolean) ?? []
  const partial = values.short === true || values.only !== undefined || values.systems !== undefined
  return {
    settings,
    rounds: roundsOf(list(values.rounds ?? (values.short || values.profile ? '1' : undefined))),
    only: list(values.profile ?? values.only),
    systems: list(values.systems),
    profile: values.profile !== undefined,
    node: values.node ?? (values.short ? 'current' : '24'),
    folder: values.folder ?? null,
    // A partial run does not overwrite the full report by default.
    out: values.out ?? (partial || values.profile !== undefined ? null : 'RESULTS.md'),
    list: values.list === true,
  }
}

/** `2` applies to all measures, `growth=1` to one. */
function roundsOf(given: readonly string[]): Options['rounds'] {
  const counts = new Map(given.map((one) => (one.includes('=') ? one.split('=', 2) : ['', one]) as [string, string]))
  for (const [name, count] of counts) {
    if (!/^[1-9]\d*$/.test(count)) throw new Error(`--rounds${name ? ` of ${name}` : ''} must be a positive integer.`)
  }
  return (measure) => {
    const count = counts.get(measure) ?? counts.get('')
    return count === undefined ? null : Number(count)
  }
}
