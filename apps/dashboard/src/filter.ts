/** The search box and the URL say the same: `status:failed input.userId:42` is `status=failed&input.userId=42`. */

const token = /([\w.:$@-]+?):(?:"((?:[^"\\]|\\.)*)"|(\S+))|(\S+)/g

/** Reads what was typed. A word without a name is an id. */
export function queryOf(text: string): URLSearchParams {
  const query = new URLSearchParams()
  for (const [, name, quoted, plain, word] of text.matchAll(token)) {
    const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1')
    if (name !== undefined && value !== undefined) query.append(name, value)
    else if (word !== undefined && word !== '') query.set('id', word.toUpperCase())
  }
  return query
}

/** Not part of the text: they have controls of their own. */
const others = ['cursor', 'sort']

export function textOf(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => !others.includes(name))
    .map(([name, value]) => `${name}:${/^[^\s"]+$/.test(value) ? value : JSON.stringify(value)}`)
    .join(' ')
}

/** Without the cursor: the filter itself. */
export function filterOf(query: URLSearchParams): URLSearchParams {
  const filter = new URLSearchParams(query)
  filter.delete('cursor')
  return filter
}
