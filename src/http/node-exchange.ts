import type { IncomingMessage, ServerResponse } from 'node:http'

type Exchange = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/** What fails here has not begun to answer, or cannot go on. */
export function exchange(answer: Exchange): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    // What is not a host must not become a part of the path.
    if (!/^[\w.:[\]-]*$/.test(req.headers.host ?? '')) return void res.writeHead(400).end()
    answer(req, res).catch(() => {
      if (res.headersSent) res.destroy()
      else res.writeHead(500).end()
    })
  }
}
