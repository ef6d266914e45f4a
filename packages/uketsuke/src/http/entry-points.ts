import type { Desk } from '../service.ts'
import { toResponse } from './adapters/fetch-response.ts'
import { type AskedByRoute, acceptOnRoute } from './own-route.ts'
import { fromRequest, type Incoming } from './request.ts'
import type { Answer } from './response.ts'
import type { HttpOptions } from './route.ts'
import { answerTo } from './router.ts'

/** The two ways in, in the words of the web. */
export interface Front {
  fetch(request: Request): Promise<Response>
  accept(request: Request, asked: AskedByRoute): Promise<Response>
}

/** The same two without a Request and a Response, which cost more than all the rest of accepting a job. */
interface Direct {
  fetch(incoming: Incoming): Promise<Answer>
  accept(incoming: Incoming, asked: AskedByRoute): Promise<Answer>
}

const shortcuts = new WeakMap<Front['fetch'] | Front['accept'], Direct>()

/** Of these very functions; one that somebody has wrapped around them has no shortcut past itself. */
export const shortcut = (way: Front['fetch'] | Front['accept']): Direct | undefined => shortcuts.get(way)

/** Both reject for what is no Request, and never else. */
export function openFront(desk: Desk, options: () => HttpOptions): Front {
  const direct: Direct = {
    fetch: (incoming) => answerTo(desk, options, incoming),
    accept: (incoming, asked) => acceptOnRoute(desk, options, incoming, asked),
  }
  const fetch: Front['fetch'] = async (request) => toResponse(await direct.fetch(fromRequest(request)))
  const accept: Front['accept'] = async (request, asked) => toResponse(await direct.accept(fromRequest(request), asked))
  shortcuts.set(fetch, direct)
  shortcuts.set(accept, direct)
  return { fetch, accept }
}
