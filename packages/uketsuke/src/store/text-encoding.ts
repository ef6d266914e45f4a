export type StoredValue = string | number | null

/**
 * No engine keeps every text. SQLite's bindings hand over C strings: text ends at its first NUL, without an error, in both directions.
 * PostgreSQL refuses NUL. So NUL is stored as U+0001 "0", and U+0001 itself twice. Equal stays equal and different stays different,
 * which is all that queries ask.
 */
const escapeChar = '\u0001'

export function encodeText<T extends StoredValue>(value: T): T | string {
  if (typeof value !== 'string' || !(value.includes('\0') || value.includes(escapeChar))) return value
  return value.replaceAll(escapeChar, escapeChar + escapeChar).replaceAll('\0', `${escapeChar}0`)
}

/** Decodes a row in place. */
export function decodeRow(row: Record<string, unknown>): Record<string, unknown> {
  for (const column in row) row[column] = plain(row[column])
  return row
}

/** Decodes a row of values in place. */
export function decodeTuple(row: unknown[]): unknown[] {
  for (let i = 0; i < row.length; i++) row[i] = plain(row[i])
  return row
}

function plain(value: unknown): unknown {
  if (typeof value !== 'string' || !value.includes(escapeChar)) return value
  return value.replace(marked, (_, which: string) => (which === '0' ? '\0' : escapeChar))
}

const marked = new RegExp(`${escapeChar}([0${escapeChar}])`, 'g')
