import { UketsukeError } from '../domain/errors.ts'
import type { HttpRequest } from '../http/request.ts'

/** Whether a name is that of this machine, which no web page can point elsewhere. */
const isLoopback = (host: string) => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/.test(host)

/**
 * Refuses web pages of other origins, also those whose host name leads to this machine: an origin is fine if it is that of `publicUrl`, one
 * of `allowed`, or the loopback address under which the request came. Agents send no `Origin`.
 * @throws `forbidden`
 */
export function checkOrigin(request: HttpRequest, allowed: ReadonlySet<string>): void {
  const origin = request.header('origin')
  const host = request.header('host') ?? ''
  if (origin === null || allowed.has(origin)) return
  if (isLoopback(host) && [`http://${host}`, `https://${host}`].includes(origin)) return
  throw new UketsukeError('forbidden', 'Requests of web pages of this origin are refused.')
}
