import { UketsukeError } from '../domain/errors.ts'
import { isObject } from '../domain/json.ts'
import { readObject } from '../http/body.ts'
import type { HttpRequest } from '../http/request.ts'
import { mustRepeat } from './header-fields.ts'
import { invalidParams, RpcError, rpcCodes } from './rpc-error.ts'

export const protocolVersion = '2026-07-28'
/** Versions that begin with `initialize`. They have no tasks here, and nothing is kept between two requests. */
export const earlierVersions = ['2025-11-25', '2025-06-18', '2025-03-26']

export const tasksExtension = 'io.modelcontextprotocol/tasks'
const versionKey = 'io.modelcontextprotocol/protocolVersion'
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/** A JSON-RPC request, or a notification. */
export interface Message {
  /** Null for a notification. */
  readonly id: string | number | null
  readonly method: string
  readonly params: Record<string, unknown>
}

/** What a client of this request can. */
export interface Client {
  /** Its version begins with `initialize`. */
  readonly earlier: boolean
  readonly tasks: boolean
  /** It can show forms to its user. */
  readonly elicits: boolean
}

/** Reads the body, which must be one message. @throws {RpcError}, `payload-too-large`, `unsupported-media-type` */
export async function readMessage(request: HttpRequest, maxBytes: number | undefined): Promise<Message> {
  const body = await readObject(request, ['jsonrpc', 'id', 'method', 'params'], maxBytes).catch((error: unknown) => {
    throw error instanceof UketsukeError ? malformed(error) : error
  })
  const { jsonrpc, id = null, method, params = {} } = body
  const fine = jsonrpc === '2.0' && typeof method === 'string' && isObject(params) && (!('id' in body) || isId(id))
  if (!fine) throw invalidRequest('The body must be one JSON-RPC 2.0 request or notification.')
  return { id: id as Message['id'], method, params }
}

const isId = (id: unknown) => (typeof id === 'string' && id.length <= 1_000) || Number.isSafeInteger(id)

function malformed(error: UketsukeError): unknown {
  if (error.code === 'invalid-json') return new RpcError(rpcCodes.parseError, error.message, { status: 400 })
  if (error.code === 'validation-error') return invalidRequest(error.errors?.[0]?.detail ?? error.message)
  return error
}

const invalidRequest = (sentence: string) => new RpcError(rpcCodes.invalidRequest, sentence, { status: 400 })

/** Checks the metadata of a request, and the header fields that must repeat a part of the body. @throws {RpcError} */
export function clientOf(request: HttpRequest, message: Message): Client {
  const { method, params } = message
  const header = request.header('mcp-protocol-version')
  const meta = isObject(params._meta) ? params._meta : {}
  const version = meta[versionKey]
  const capabilities = meta[capabilitiesKey]
  if (version === undefined && (header === null || earlierVersions.includes(header)))
    return { earlier: true, tasks: false, elicits: false }
  if (version === undefined && header !== protocolVersion) throw unsupported(header)
  if (typeof version !== 'string' || !isObject(capabilities))
    throw invalidParams(`params._meta must have ${versionKey} and ${capabilitiesKey}.`, 400)
  mustRepeat('MCP-Protocol-Version', header, version)
  if (version !== protocolVersion) throw unsupported(version)
  mustRepeat('Mcp-Method', request.header('mcp-method'), method)
  const name = nameOf(message)
  if (typeof name === 'string') mustRepeat('Mcp-Name', request.header('mcp-name'), name)
  const { extensions, elicitation } = capabilities
  const tasks = isObject(extensions) && isObject(extensions[tasksExtension])
  return { earlier: false, tasks, elicits: isObject(elicitation) && canShowForms(elicitation) }
}

/** An empty object stands for forms only. */
const canShowForms = (elicitation: Record<string, unknown>) =>
  isObject(elicitation.form) || Object.keys(elicitation).length === 0

/** What the header field `Mcp-Name` repeats. */
function nameOf({ method, params }: Message): unknown {
  if (method === 'tools/call') return params.name
  return ['tasks/get', 'tasks/update', 'tasks/cancel'].includes(method) ? params.taskId : undefined
}

const unsupported = (requested: string | null) =>
  new RpcError(rpcCodes.unsupportedVersion, 'This version of the protocol is not supported.', {
    status: 400,
    data: { supported: [protocolVersion], requested },
  })
