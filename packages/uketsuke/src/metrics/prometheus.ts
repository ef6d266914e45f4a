/** Metrics in the text format of Prometheus (version 0.0.4). Times are in seconds, as its conventions ask. */

type Labels = Readonly<Record<string, string>>

/** A metric with its samples. `collect` yields the lines of the samples. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  collect(): Iterable<string>
}

export class Counter implements Metric {
  readonly type = 'counter'
  readonly name: string
  readonly help: string
  readonly #values = new Map<string, number>()

  constructor(name: string, help: string) {
    this.name = name
    this.help = help
  }

  add(labels: Labels = {}, by = 1): void {
    const key = write(labels)
    this.#values.set(key, (this.#values.get(key) ?? 0) + by)
  }

  *collect() {
    for (const [labels, value] of this.#values) yield `${this.name}${labels} ${value}`
  }
}

/** Samples that are read when they are asked for. */
export class Gauge implements Metric {
  readonly type = 'gauge'
  readonly name: string
  readonly help: string
  readonly #read: () => Iterable<readonly [Labels, number]>

  constructor(name: string, help: string, read: () => Iterable<readonly [Labels, number]>) {
    this.name = name
    this.help = help
    this.#read = read
  }

  *collect() {
    for (const [labels, value] of this.#read()) yield `${this.name}${write(labels)} ${value}`
  }
}

interface Distribution {
  readonly labels: Labels
  readonly counts: number[]
  sum: number
  count: number
}

export class Histogram implements Metric {
  readonly type = 'histogram'
  readonly name: string
  readonly help: string
  readonly #bounds: readonly number[]
  readonly #distributions = new Map<string, Distribution>()

  /** `bounds` are the upper ends of the buckets, ascending. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.#bounds = bounds
  }

  observe(labels: Labels, value: number): void {
    const key = write(labels)
    let found = this.#distributions.get(key)
    if (found === undefined) {
      found = { labels, counts: this.#bounds.map(() => 0), sum: 0, count: 0 }
      this.#distributions.set(key, found)
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    if (bucket !== -1) found.counts[bucket]!++
    found.sum += value
    found.count++
  }

  *collect() {
    for (const { labels, counts, sum, count } of this.#distributions.values()) {
      let below = 0
      for (const [i, bound] of this.#bounds.entries()) {
        below += counts[i]!
        yield `${this.name}_bucket${write({ ...labels, le: String(bound) })} ${below}`
      }
      yield `${this.name}_bucket${write({ ...labels, le: '+Inf' })} ${count}`
      yield `${this.name}_sum${write(labels)} ${sum}`
      yield `${this.name}_count${write(labels)} ${count}`
    }
  }
}

function write(labels: Labels): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return all.length === 0 ? '' : `{${all.join(',')}}`
}

const escapeLabel = (text: string) => text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))

export function exposition(metrics: Iterable<Metric>): string {
  let text = ''
  for (const metric of metrics) {
    text += `# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} ${metric.type}\n`
    for (const line of metric.collect()) text += `${line}\n`
  }
  return text
}
