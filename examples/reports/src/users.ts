import type { NextFunction, Request, Response } from 'express'
import { refuse } from './problems.ts'

/** Two users, so that one can be seen to see nothing of the other's. */
const users: Readonly<Record<string, string>> = { 'demo-alice': 'alice', 'demo-bob': 'bob' }
const cookieName = 'uketsuke_demo'

/** Who calls: `Authorization: Bearer demo-alice` or `demo-bob`, else the page's cookie. */
export function ownerOf(authorization: string | null | undefined, cookie: string | null | undefined): string | null {
  const token = authorization ? /^Bearer +(\S+)$/i.exec(authorization)?.[1] : cookieOf(cookie)
  return token !== undefined && Object.hasOwn(users, token) ? users[token]! : null
}

function cookieOf(header: string | null | undefined): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1)
}

/** Opening the page signs in as alice. A program sends a header instead and needs no cookie. */
export function signIn(res: Response): void {
  res.cookie(cookieName, 'demo-alice', { httpOnly: true, sameSite: 'strict', path: '/' })
}

/** The owner of a request to one of the demo's own routes; answers 401 and gives null where there is none. */
export function requireOwner(req: Request, res: Response): string | null {
  const owner = ownerOf(req.get('authorization'), req.get('cookie'))
  if (owner === null) {
    res.set('WWW-Authenticate', 'Bearer')
    refuse(res, 401, 'unauthorized', 'Send Authorization: Bearer demo-alice, or demo-bob.')
  }
  return owner
}

/**
 * What a cookie alone would let other sites do. A "same site" spans all ports of a host, so a page of another local server could
 * post here with the cookie: a cookie counts for changes only where the browser says that our own page asks. And a name that
 * somebody points at 127.0.0.1 must not make their page ours.
 */
export function sameOriginOnly(req: Request, res: Response, next: NextFunction): void {
  if (!['127.0.0.1', 'localhost', '::1'].includes((req.hostname ?? '').replace(/^\[|\]$/g, ''))) {
    refuse(res, 421, 'misdirected-request', 'This demo answers to 127.0.0.1 and localhost only.')
    return
  }
  const changes = !['GET', 'HEAD', 'OPTIONS'].includes(req.method)
  const byCookie = req.get('authorization') === undefined && cookieOf(req.get('cookie')) !== undefined
  if (changes && byCookie && req.get('origin') !== `${req.protocol}://${req.get('host')}`) {
    refuse(res, 403, 'cross-site-request', 'With the cookie, only the page itself may ask for this.')
    return
  }
  next()
}
