import { binaryArray, type Type } from './binary-array.ts'
import type { Parameter } from './connection.ts'
import type { Value } from './rows.ts'

type Column<T> = readonly [name: string, type: Type, value: (of: T) => Value]

/** Collects the parameters of one statement. */
export class Parameters {
  readonly values: Parameter[] = []

  /** Adds a parameter and returns its placeholder, such as `$1`. */
  add(value: Parameter): string {
    this.values.push(value)
    return `$${this.values.length}`
  }

  /**
   * Adds rows as a subquery called `name`, with one array per column. A column with the same value in all rows, as is
   * common in a batch of new or completed jobs, is sent once, with a null array. So the text depends on the columns alone,
   * and is prepared once. The first column is the key.
   */
  rows<T>(name: string, columns: readonly Column<T>[], rows: readonly T[]): string {
    const [arrays, selected]: [string[], string[]] = [[], []]
    for (const [column, type, value] of columns) {
      const values = rows.map(value)
      const first = values[0] ?? null
      const same = arrays.length > 0 && values.every((one) => one === first)
      arrays.push(`${this.add(same ? null : (binaryArray(type, values) ?? values))}::${type}[]`)
      selected.push(
        selected.length === 0
          ? column
          : `coalesce(each.${column}, ${this.add(same ? first : null)}::${type}) AS ${column}`,
      )
    }
    const all = columns.map(([column]) => column).join(', ')
    return `(SELECT ${selected.join(', ')} FROM unnest(${arrays.join(', ')}) AS each (${all})) AS ${name}`
  }
}
