/** One fenced block of a page. */
export interface Block {
  readonly language: string
  /** The words after the language, such as `run` or `file=jobs.ts`. */
  readonly flags: readonly string[]
  readonly code: string
  /** The index of the section, counted by headings. */
  readonly section: number
}

/** The fenced blocks of a page in their order. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  let section = 0
  let open: { info: string; lines: string[] } | null = null
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) {
      if (open === null) open = { info: line.slice(3), lines: [] }
      else {
        const [language = '', ...flags] = open.info.split(' ')
        blocks.push({ language, flags, code: `${open.lines.join('\n')}\n`, section })
        open = null
      }
    } else if (open !== null) open.lines.push(line)
    else if (/^#{1,6} /.test(line)) section++
  }
  return blocks
}

export const flag = ({ flags }: Block, name: string): string | null =>
  flags.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? null

/** The anchors that a code host gives to the headings of a page. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(text).matchAll(/^#{1,6} (.*)$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const slug = plain
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`
    anchors.add(anchor)
  }
  return anchors
}

/** The relative links and pictures of a page, with their anchors. */
export const linksOf = (text: string): { path: string; anchor: string }[] =>
  [...withoutCode(text).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([, path = '', anchor = '']) => ({ path, anchor }),
  )

const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '')

/** One `curl` command of a page, as `fetch` takes it. */
export interface Curl {
  readonly url: string
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
}

/** The first `curl` of a block; null where it has none. */
export function curlOf(code: string): Curl | null {
  const [, command] = /^(?:\$ )?curl((?:.*\\\n)*.*)$/m.exec(code) ?? []
  if (command === undefined) return null
  const words = [...command.replaceAll('\\\n', ' ').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, a, b, c]) => a ?? b ?? c ?? '',
  )
  const headers: Record<string, string> = {}
  let [url, body, method]: [string, string | undefined, string] = ['', undefined, '']
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (word === '-H') {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(words[++i] ?? '') ?? []
      headers[name] = value
    } else if (word === '-d') body = words[++i]
    else if (word === '-X') method = words[++i] ?? ''
    else if (!word.startsWith('-')) url = word
  }
  return { url, method: method || (body === undefined ? 'GET' : 'POST'), headers, body }
}
