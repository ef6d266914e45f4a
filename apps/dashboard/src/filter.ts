/** The search box and the URL say the same: `status:failed input.userId:42` is `status=failed&input.userId=42`. */

/** A name and a value, each of them in quotes if it has spaces, or a word alone. */
const quoted = '"((?:[^"\\\\]|\\\\.)*)"'
const token = new RegExp(`(?:${quoted}|([^\\s:"]+)):(?:${quoted}|(\\S+))|(\\S+)`, 'g')
const unquoted = (text: string) => text.replace(/\\(.)/g, '$1')

/** Reads what was typed. A word without a name is an id. */
export function queryOf(text: string): URLSearchParams {
  const query = new URLSearchParams()
  for (const [, longName, name, longValue, value, word] of text.matchAll(token)) {
    if (word !== undefined) query.set('id', word.toUpperCase())
    else
      query.append(
        unquoted(longName ?? '') || (name ?? ''),
        longValue === undefined ? (value ?? '') : unquoted(longValue),
      )
  }
  return query
}

/** Not part of the text: they have controls of their own. */
const others = ['cursor', 'sort']

export function textOf(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => !others.includes(name))
    .map(([name, value]) => wordOf(name, value))
    .join(' ')
}

/** `owner:ann`, or `owner:"ann lee"`. */
export const wordOf = (name: string, value: string): string =>
  `${/^[^\s:"]+$/.test(name) ? name : quote(name)}:${/^[^\s"]+$/.test(value) ? value : quote(value)}`

const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`

/** Without the cursor: the filter itself. */
export function filterOf(query: URLSearchParams): URLSearchParams {
  const filter = new URLSearchParams(query)
  filter.delete('cursor')
  return filter
}
