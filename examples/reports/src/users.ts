import type { NextFunction, Request, Response } from 'express'
import { refuse } from './problems.ts'

/** Two users, to demonstrate that an owner cannot see the jobs of another. */
const users: Readonly<Record<string, string>> = { 'demo-alice': 'alice', 'demo-bob': 'bob' }
const cookieName = 'uketsuke_demo'

/** The caller, from `Authorization: Bearer demo-alice` or `demo-bob`, or from the page's cookie. */
export function ownerOf(authorization: string | null | undefined, cookie: string | null | undefined): string | null {
  const token = authorization ? /^Bearer +(\S+)$/i.exec(authorization)?.[1] : cookieOf(cookie)
  return token !== undefined && Object.hasOwn(users, token) ? users[token]! : null
}

function cookieOf(header: string | null | undefined): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1)
}

/** Opening the page signs in as alice. Other clients send the header instead. */
export function signIn(res: Response): void {
  res.cookie(cookieName, 'demo-alice', { httpOnly: true, sameSite: 'strict', path: '/' })
}

/** Returns the owner of a request to the demo's own routes, or responds with 401 and returns null. */
export function requireOwner(req: Request, res: Response): string | null {
  const owner = ownerOf(req.get('authorization'), req.get('cookie'))
  if (owner === null) {
    res.set('WWW-Authenticate', 'Bearer')
    refuse(
      res,
      401,
      'unauthorized',
      'Send the header Authorization: Bearer demo-alice or Authorization: Bearer demo-bob.',
    )
  }
  return owner
}

/**
 * Prevents CSRF and DNS rebinding. A site spans all ports of a host, so `SameSite` does not stop a page of another local server from
 * posting with the cookie: with the cookie, a change requires the `Origin` of this page. And a foreign name that resolves to 127.0.0.1
 * is rejected.
 */
export function sameOriginOnly(req: Request, res: Response, next: NextFunction): void {
  if (!['127.0.0.1', 'localhost', '::1'].includes((req.hostname ?? '').replace(/^\[|\]$/g, ''))) {
    refuse(res, 421, 'misdirected-request', 'This demo accepts requests for loopback host names only.')
    return
  }
  const changes = !['GET', 'HEAD', 'OPTIONS'].includes(req.method)
  const byCookie = req.get('authorization') === undefined && cookieOf(req.get('cookie')) !== undefined
  if (changes && byCookie && req.get('origin') !== `${req.protocol}://${req.get('host')}`) {
    refuse(res, 403, 'cross-site-request', 'Cross-origin requests with the cookie are not allowed.')
    return
  }
  next()
}
