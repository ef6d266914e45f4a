import { UketsukeError } from '../domain/errors.ts'
import { allows, type Scope } from '../domain/scopes.ts'
import type { HttpService } from '../http/http-service.ts'
import type { Caller } from '../http/identity.ts'
import type { HttpRequest } from '../http/request.ts'
import type { Client, Message } from './message.ts'
import type { Tools } from './tools.ts'

/** A request that has been checked, from a caller who is known. */
export interface McpContext {
  readonly service: HttpService
  readonly request: HttpRequest
  readonly caller: Caller
  readonly client: Client
  readonly message: Message
  readonly params: Message['params']
  readonly tools: Tools
}

/** @throws `forbidden` */
export function mustHave(scope: Scope, { caller }: Pick<McpContext, 'caller'>): void {
  if (!allows(caller.scopes, scope))
    throw new UketsukeError('forbidden', `The credential does not have the scope ${scope}.`)
}
