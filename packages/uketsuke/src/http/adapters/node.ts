import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AdapterOptions } from '../identified.ts'
import { type JobsOverHttp, listen, nodeExchange } from './node-exchange.ts'

export { type AdapterOptions, type JobsOverHttp, listen }

/** A listener for `http.createServer` that handles every request with the jobs API. */
export function nodeListener<Req extends IncomingMessage = IncomingMessage>(
  jobs: Pick<JobsOverHttp, 'fetch' | 'log'>,
  { identify }: AdapterOptions<Req> = {},
): (req: Req, res: ServerResponse) => void {
  const exchange = nodeExchange(jobs, identify)
  return (req, res) => exchange(req, res, req)
}
