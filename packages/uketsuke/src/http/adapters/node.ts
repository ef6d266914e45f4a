import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../base/log.ts'
import { directHandlers, type EntryPoints } from '../entry-points.ts'
import { NodeRequest } from './node-fetch-request.ts'
import { nodeHandler } from './node-handler.ts'
import { NodeHttpRequest } from './node-http-request.ts'
import { send, sendFetchResponse } from './node-http-response.ts'

/** What the adapters need of `createJobs()`. */
export interface JobsOverHttp extends EntryPoints {
  readonly basePath: string
  readonly url?: string
  /** Hears what fails between the server and the jobs API. */
  readonly log?: Log
}

/** For `http.createServer`: answers every request with the jobs API. */
export function nodeListener(
  jobs: Pick<JobsOverHttp, 'fetch' | 'log'>,
): (req: IncomingMessage, res: ServerResponse) => void {
  const direct = directHandlers(jobs.fetch)
  if (direct === undefined) {
    jobs.log?.info(
      {},
      'jobs.fetch is wrapped: each request becomes a web Request, which is slower than nodeListener(jobs)',
    )
    return listen((request) => jobs.fetch(request), jobs.log)
  }
  return nodeHandler(async (req, res) => send(await direct.fetch(new NodeHttpRequest(req, res)), req, res), jobs.log)
}

/** From any fetch handler to Node. */
export function listen(answer: (request: Request) => Promise<Response>, log?: Log) {
  return nodeHandler(async (req, res) => sendFetchResponse(await answer(new NodeRequest(req, res).real), req, res), log)
}
