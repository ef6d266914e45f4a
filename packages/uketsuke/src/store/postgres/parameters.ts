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
   * common in a batch of new or completed jobs, is sent once. The first column is the key.
   */
  rows<T>(name: string, columns: readonly Column<T>[], rows: readonly T[]): string {
    const [arrays, arrayNames, selected]: [string[], string[], string[]] = [[], [], []]
    for (const [column, type, value] of columns) {
      const values = rows.map(value)
      const [first = null] = values
      if (arrays.length > 0 && values.every((one) => one === first)) {
        selected.push(`${this.add(first)}::${type} AS ${column}`)
      } else {
        arrays.push(`${this.add(binaryArray(type, values) ?? values)}::${type}[]`)
        arrayNames.push(column)
        selected.push(column)
      }
    }
    return `(SELECT ${selected.join(', ')} FROM unnest(${arrays.join(', ')}) AS each (${arrayNames.join(', ')})) AS ${name}`
  }
}
