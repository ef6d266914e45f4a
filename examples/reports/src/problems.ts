import type { Response } from 'express'

/** Sends a problem response (RFC 9457), like the jobs API. */
export function refuse(res: Response, status: number, code: string, detail: string): void {
  const type = `urn:uketsuke:problem:${code}`
  const title = code.replaceAll('-', ' ').replace(/^./, (letter) => letter.toUpperCase())
  res.status(status).set('Cache-Control', 'no-store').type('application/problem+json')
  res.send(JSON.stringify({ type, title, status, detail }))
}
