import { parseArgs } from 'node:util'

/** How much is done. `short` is for CI: it proves that no job is lost, and its figures mean nothing. */
export interface Settings {
  readonly short: boolean
  /** Of each measure that runs for a time. */
  readonly seconds: number
  /** Enqueues at once. */
  readonly concurrency: number
  /** The base number of jobs, which a system's `size` multiplies. */
  readonly jobs: number
  /** Jobs of which a latency is taken, one every 50 ms. */
  readonly samples: number
  readonly connections: number
  readonly events: number
  readonly finished: number
  readonly backlog: number
  /** Seconds after which a run is given up. */
  readonly patience: number
}

const long: Settings = {
  short: false,
  seconds: 5,
  concurrency: 200,
  jobs: 10_000,
  samples: 200,
  connections: 10_000,
  events: 15,
  finished: 1_000_000,
  backlog: 500_000,
  patience: 180,
}

const short: Settings = {
  short: true,
  seconds: 0.4,
  concurrency: 50,
  jobs: 200,
  samples: 20,
  connections: 200,
  events: 3,
  finished: 2_000,
  backlog: 1_000,
  patience: 60,
}

export interface Asked {
  readonly settings: Settings
  /** Of a measure; null for its own number. */
  rounds(measure: string): number | null
  readonly only: readonly string[]
  readonly systems: readonly string[]
  readonly profile: boolean
  /** Which Node runs the children: `current`, or a major version of the npm package. */
  readonly node: string
  /** Where files and databases are kept. */
  readonly folder: string | null
  /** Where the report goes; null for nowhere. */
  readonly out: string | null
  readonly list: boolean
}

/** @throws an Error about an option that does not exist */
export function asked(args: readonly string[]): Asked {
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
      samples: number,
      connections: number,
      events: number,
      finished: number,
      backlog: number,
      patience: number,
    },
  })
  const base = values.short ? short : long
  const settings = { ...base }
  for (const key of Object.keys(base) as (keyof Settings)[]) {
    const given = key === 'short' ? undefined : values[key]
    if (given === undefined || key === 'short') continue
    if (!(Number(given) >= 0)) throw new Error(`--${key} must be a number.`)
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
    // A part of the table must not pass for the whole one, unless it is asked for.
    out: values.out ?? (partial || values.profile !== undefined ? null : 'RESULTS.md'),
    list: values.list === true,
  }
}

/** `2` is for all measures, `growth=1` for one. */
function roundsOf(given: readonly string[]): Asked['rounds'] {
  const counts = new Map(given.map((one) => (one.includes('=') ? one.split('=', 2) : ['', one]) as [string, string]))
  for (const [name, count] of counts) {
    if (!/^[1-9]\d*$/.test(count)) throw new Error(`--rounds must be a number from 1${name ? ` for ${name}` : ''}.`)
  }
  return (measure) => {
    const count = counts.get(measure) ?? counts.get('')
    return count === undefined ? null : Number(count)
  }
}
