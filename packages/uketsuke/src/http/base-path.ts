import { UketsukeError } from '../domain/errors.ts'

export interface BasePath {
  /** The prefix of URLs in responses, without a trailing slash. */
  readonly base: string
  /** The prefixes that request paths may have in this server, without trailing slashes. */
  readonly prefixes: readonly string[]
  /** `basePath` without a trailing slash. */
  readonly here: string
}

const defaultPath = '/api/jobs'

/**
 * Resolves the paths of the jobs API. Without `publicUrl`, request paths are the paths that clients see. With it, a mount or a proxy may
 * strip that path or a part of it.
 * @throws `invalid-configuration`
 */
export function resolveBasePath({
  basePath,
  publicUrl,
}: {
  basePath?: string | undefined
  publicUrl?: string | undefined
}): BasePath {
  const here = prefixOf(basePath === undefined ? defaultPath : basePath)
  if (publicUrl === undefined) return { base: here, prefixes: [here], here }
  const url = absolute(publicUrl)
  const path = bare(normalizePath(url.pathname)) || here
  return { base: url.origin + path, prefixes: [...new Set([path, here, ''])], here }
}

function prefixOf(basePath: unknown): string {
  const fits = typeof basePath === 'string' && /^$|^\/(?![/\\])[^?#\\]*$/.test(basePath)
  if (!fits) throw invalid('basePath must be a path that starts with a single slash, such as "/api/jobs" or "/"')
  return basePath === '' ? '' : bare(normalizePath(new URL(`http://localhost${basePath}`).pathname))
}

function absolute(text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : null
  const fits =
    url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password && !/[?#]/.test(url.href)
  if (fits) return url
  throw invalid(
    'publicUrl must be the URL of the jobs API as clients see it, such as "https://example.com/api/jobs", without a query',
  )
}

const invalid = (sentence: string) => new UketsukeError('invalid-configuration', `createJobs(): ${sentence}.`)

function bare(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}

/** Decodes percent-encoded unreserved characters (letters, digits, `-._~`), which are equivalent (RFC 3986, 6.2.2.2). */
export function normalizePath(path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/%[0-9A-F]{2}/gi, (found) => {
    const char = String.fromCharCode(Number.parseInt(found.slice(1), 16))
    return /[\w.~-]/.test(char) ? char : found.toUpperCase()
  })
}

/** The part of a path after the prefix: empty, or starting with a slash. Null if no prefix matches. */
export function below(prefixes: readonly string[], path: string): string | null {
  for (const prefix of prefixes) {
    if (path === prefix) return ''
    if (path.startsWith(prefix) && path[prefix.length] === '/') return path.slice(prefix.length)
  }
  return null
}
