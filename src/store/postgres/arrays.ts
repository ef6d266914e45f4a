import type { Parameter } from './connection.ts'
import type { Value } from './rows.ts'

type Column<T> = readonly [name: string, type: string, value: (of: T) => Value]

/** The parameters of one statement, as they are written down. */
export class Parameters {
  readonly values: Parameter[] = []

  /** Gives the place: `$1`. */
  add(value: Parameter): string {
    this.values.push(value)
    return `$${this.values.length}`
  }

  /** Many rows as one array a column: `unnest(…) AS name (…)`. */
  rows<T>(name: string, columns: readonly Column<T>[], rows: readonly T[]): string {
    const arrays = columns.map(([, type, value]) => `${this.add(rows.map(value))}::${type}[]`)
    return `unnest(${arrays.join(', ')}) AS ${name} (${columns.map(([column]) => column).join(', ')})`
  }
}
