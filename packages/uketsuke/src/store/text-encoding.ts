export type StoredValue = string | number | null

/**
 * Escapes NUL, which no engine stores reliably. SQLite's bindings use C strings, so text is silently cut at its first
 * NUL in both directions; PostgreSQL rejects NUL. Therefore NUL is stored as U+0001 "0", and U+0001 as two of them. The
 * encoding preserves equality, which is all that queries need.
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

/** Decodes an array of values in place. */
export function decodeTuple(row: unknown[]): unknown[] {
  for (let i = 0; i < row.length; i++) row[i] = plain(row[i])
  return row
}

function plain(value: unknown): unknown {
  if (typeof value !== 'string' || !value.includes(escapeChar)) return value
  return value.replace(marked, (_, which: string) => (which === '0' ? '\0' : escapeChar))
}

const marked = new RegExp(`${escapeChar}([0${escapeChar}])`, 'g')
