import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../base/log.ts'
import { type Front, shortcut } from '../entry-points.ts'
import { NodeRequest } from './node-fetch-request.ts'
import { exchange } from './node-handler.ts'
import { NodeIncoming } from './node-http-request.ts'
import { relay, send } from './node-http-response.ts'

/** What the adapters need of `createJobs()`. */
export interface JobsOverHttp extends Front {
  readonly basePath: string
  readonly url?: string
  /** Hears what fails between the server and the jobs API. */
  readonly log?: Log
}

/** For `http.createServer`: answers every request with the jobs API. */
export function nodeListener(
  jobs: Pick<JobsOverHttp, 'fetch' | 'log'>,
): (req: IncomingMessage, res: ServerResponse) => void {
  const direct = shortcut(jobs.fetch)
  if (direct === undefined) return listen((request) => jobs.fetch(request), jobs.log)
  return exchange(async (req, res) => send(await direct.fetch(new NodeIncoming(req, res)), req, res), jobs.log)
}

/** From any fetch handler to Node. */
export function listen(answer: (request: Request) => Promise<Response>, log?: Log) {
  return exchange(async (req, res) => relay(await answer(new NodeRequest(req, res).real), req, res), log)
}
