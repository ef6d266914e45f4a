import { assertConfiguration } from '../base/assert.ts'
import { version } from '../base/version.ts'
import type { UketsukeError } from '../domain/errors.ts'
import type { HttpService } from '../http/http-service.ts'
import { type HttpOptions, identify } from '../http/identity.ts'
import { pacedResponse } from '../http/large-body.ts'
import { type ProblemCode, problem, toUketsukeError } from '../http/problem.ts'
import { type HttpRequest, logOf, where } from '../http/request.ts'
import { type HttpResponse, json } from '../http/response.ts'
import { callTool } from './call.ts'
import type { McpContext } from './context.ts'
import { discover, initialize, listTools, type McpPresentation } from './discovery.ts'
import { listen } from './listen.ts'
import { clientOf, type Message, readMessage } from './message.ts'
import { checkOrigin } from './origin.ts'
import { RpcError, rpcCodes } from './rpc-error.ts'
import { cancelTask, getTask, updateTask } from './tasks.ts'
import { type Tools, toolsOf } from './tools.ts'

export interface McpOptions {
  /** How the server calls itself. Default: `uketsuke`. */
  name?: string
  /** What a model should know of the tools together. */
  instructions?: string
  /**
   * Origins whose web pages may call, such as `https://agents.example.com`. Default: that of `publicUrl`, and on a loopback address the
   * server's own. Agents outside a browser are not concerned.
   */
  allowedOrigins?: readonly string[]
}

type Method = (context: McpContext, presentation: McpPresentation) => Promise<object>

const methods = new Map<string, Method>([
  ['server/discover', discover],
  ['tools/list', listTools],
  ['tools/call', callTool],
  ['tasks/get', getTask],
  ['tasks/update', updateTask],
  ['tasks/cancel', cancelTask],
])

const earlierMethods = new Map<string, Method>([
  ['initialize', initialize],
  ['ping', async () => ({})],
  ['tools/list', listTools],
  ['tools/call', callTool],
])

interface Endpoint {
  readonly service: HttpService
  readonly http: HttpOptions
  readonly tools: Tools
  readonly origins: ReadonlySet<string>
  readonly presentation: McpPresentation
}

/**
 * Serves job types as tools of the Model Context Protocol, by POST at any path. Nothing is kept between two requests.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function mcpHandler(
  service: HttpService,
  http: HttpOptions,
  { name = 'uketsuke', instructions, allowedOrigins = [] }: McpOptions = {},
): (request: HttpRequest) => Promise<HttpResponse> {
  assertConfiguration(http.authenticate !== undefined, 'mcp(): createJobs({ authenticate }) must tell owners apart')
  const isOrigin = (one: string) => URL.canParse(one) && new URL(one).origin === one
  assertConfiguration(
    allowedOrigins.every(isOrigin),
    'mcp(): allowedOrigins must be origins, such as https://example.com',
  )
  const own = URL.canParse(service.base) ? [new URL(service.base).origin] : []
  const endpoint: Endpoint = {
    service,
    http,
    tools: toolsOf(service.types, service.log),
    origins: new Set([...own, ...allowedOrigins]),
    presentation: { serverInfo: { name, version: version() }, instructions },
  }
  return (request) => respond(endpoint, request)
}

async function respond(endpoint: Endpoint, request: HttpRequest): Promise<HttpResponse> {
  const { service, http, origins, presentation } = endpoint
  if (request.method !== 'POST') return { status: 405, headers: { Allow: 'POST', ...noStore }, body: null }
  let message: Message | null = null
  try {
    checkOrigin(request, origins)
    const caller = await identify(http, request, null)
    message = await readMessage(request, http.maxBodyBytes)
    // No notification changes anything: a call is cancelled by closing its connection, and a task by `tasks/cancel`.
    if (message.id === null) return { status: 202, headers: noStore, body: null }
    const client = clientOf(request, message)
    const context = { service, request, caller, client, message, params: message.params, tools: endpoint.tools }
    if (!client.earlier && message.method === 'subscriptions/listen') return await listen(context)
    const method = (client.earlier ? earlierMethods : methods).get(message.method)
    if (method === undefined) throw methodNotFound()
    const result = await method(context, presentation)
    const about = { 'io.modelcontextprotocol/serverInfo': presentation.serverInfo }
    const whole = client.earlier ? result : { resultType: 'complete', ...result, _meta: about }
    const body = { jsonrpc: '2.0', id: message.id, result: whole }
    return pacedResponse(json(body, 200, { ...noStore }), service.clock)
  } catch (thrown) {
    const id = message?.id ?? null
    if (thrown instanceof RpcError) return refusal(id, thrown, noStore)
    return refused(id, toUketsukeError(thrown, logOf(service, request), where(request)))
  }
}

const noStore = { 'Cache-Control': 'no-store' }

const methodNotFound = () => new RpcError(rpcCodes.methodNotFound, 'Method not found.', { status: 404 })

/** The status and the header fields are those of the HTTP API, and the code is in `data`. */
function refused(id: Message['id'], error: UketsukeError & { code: ProblemCode }): HttpResponse {
  const { status, headers } = problem(error)
  const code = error.code === 'internal-error' ? rpcCodes.internalError : rpcCodes.refused
  return refusal(id, new RpcError(code, error.message, { status, data: { code: error.code } }), headers)
}

/** An error about no particular request has no id. */
function refusal(id: Message['id'], { code, message, data, status }: RpcError, headers: HttpResponse['headers']) {
  return json({ jsonrpc: '2.0', ...(id !== null && { id }), error: { code, message, data } }, status, { ...headers })
}
