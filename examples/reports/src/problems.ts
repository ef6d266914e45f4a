import type { Response } from 'express'

/** RFC 9457, as the jobs API answers. */
export function refuse(res: Response, status: number, code: string, detail: string): void {
  const type = `urn:uketsuke:problem:${code}`
  const title = code.replaceAll('-', ' ').replace(/^./, (letter) => letter.toUpperCase())
  res.status(status).set('Cache-Control', 'no-store').type('application/problem+json')
  res.send(JSON.stringify({ type, title, status, detail }))
}
