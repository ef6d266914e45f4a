import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AskedByRoute } from './accept.ts'
import { type Front, shortcut } from './front.ts'
import { NodeIncoming } from './node-incoming.ts'
import { relay, send } from './node-outgoing.ts'
import { NodeRequest } from './node-request.ts'

/** What the adapters need of `createJobs()`. */
export interface JobsOverHttp extends Front {
  readonly basePath: string
}

/** For `http.createServer`: answers every request with the jobs API. */
export function nodeListener(jobs: Pick<JobsOverHttp, 'fetch'>): (req: IncomingMessage, res: ServerResponse) => void {
  const direct = shortcut(jobs.fetch)
  if (direct === undefined) return listen((request) => jobs.fetch(request))
  return exchange(async (req, res) => send(await direct.fetch(new NodeIncoming(req, res)), req, res))
}

/** Answers one request that asks for a job, on a route of the user's own. */
export function acceptor(jobs: Pick<JobsOverHttp, 'accept'>, asked: AskedByRoute) {
  const direct = shortcut(jobs.accept)
  if (direct === undefined) return listen((request) => jobs.accept(request, asked))
  return exchange(async (req, res) => send(await direct.accept(new NodeIncoming(req, res), asked), req, res))
}

/** From any fetch handler to Node. */
export function listen(answer: (request: Request) => Promise<Response>) {
  return exchange(async (req, res) => relay(await answer(new NodeRequest(req, res).real), req, res))
}

type Exchange = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/** What fails here has not begun to answer, or cannot go on. */
function exchange(answer: Exchange): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    // What is not a host must not become a part of the path.
    if (!/^[\w.:[\]-]*$/.test(req.headers.host ?? '')) return void res.writeHead(400).end()
    answer(req, res).catch(() => {
      if (res.headersSent) res.destroy()
      else res.writeHead(500).end()
    })
  }
}
