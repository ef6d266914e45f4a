import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createJobs,
  type Identity,
  type JobsOptions,
  type JobTypes,
  type McpOptions,
  silentLog,
  sqlite,
} from 'uketsuke'
import { listen, nodeListener } from 'uketsuke/node'

const version = '2026-07-28'
export const tasksExtension = 'io.modelcontextprotocol/tasks'

/** `Bearer ann` is Ann, and `Bearer ann/jobs:read` is a credential of hers with one scope. */
export function authenticate({ headers }: Request): Identity | null {
  const [, owner, scope] = /^Bearer (\w+)(?:\/(\S+))?$/.exec(headers.get('authorization') ?? '') ?? []
  if (owner === undefined) return null
  return scope === undefined ? { owner } : { owner, scopes: scope.split(',') }
}

/** A value as a header field can hold it. */
const inHeader = (value: string) =>
  /^[!-~]*$/.test(value) && !value.startsWith('=?') ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`

export interface Asked {
  as?: string
  /** Whether the client supports tasks. Default: true. */
  tasks?: boolean
  /** Whether it can show forms to its user. Default: false. */
  elicits?: boolean
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: what a server answers is looked at by each test.
  body: any
}

type Options<Types extends JobTypes> = Partial<JobsOptions<Types>> & { mcp?: McpOptions }

/** Serves job types as tools at /mcp, and the jobs API beside it. */
export async function serveTools<Types extends JobTypes>(
  types: Types,
  { mcp, store = sqlite(':memory:'), ...options }: Options<Types> = {},
) {
  const jobs = createJobs({ jobs: types, log: silentLog, authenticate, ...options, store })
  await jobs.ready()
  const [tools, api] = [listen(jobs.mcp(mcp), jobs.log), nodeListener(jobs)]
  const server = createServer((req, res) => (req.url?.startsWith('/mcp') ? tools(req, res) : api(req, res)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let ids = 0

  const send = async (body: string, { as = 'ann', headers, signal }: Asked = {}): Promise<Response> =>
    fetch(`${origin}/mcp`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...(as !== '' && { Authorization: `Bearer ${as}` }),
        ...headers,
      },
      body,
      ...(signal && { signal }),
    })
  const open = (method: string, params: Record<string, unknown> = {}, asked: Asked = {}): Promise<Response> => {
    const name = method === 'tools/call' ? params.name : params.taskId
    const routing = {
      'MCP-Protocol-Version': version,
      'Mcp-Method': method,
      ...(typeof name === 'string' && { 'Mcp-Name': inHeader(name) }),
    }
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': version,
      'io.modelcontextprotocol/clientCapabilities': {
        ...(asked.tasks !== false && { extensions: { [tasksExtension]: {} } }),
        ...(asked.elicits === true && { elicitation: {} }),
      },
    }
    const body = { jsonrpc: '2.0', id: ++ids, method, params: { _meta, ...params } }
    return send(JSON.stringify(body), { ...asked, headers: { ...routing, ...asked.headers } })
  }
  const read = async (response: Response): Promise<Answer> => {
    const text = await response.text()
    const { status, headers } = response
    const isJson = headers.get('content-type') === 'application/json'
    return { status, headers, text, body: isJson ? JSON.parse(text) : null }
  }

  return {
    jobs,
    origin,
    /** Sends a body as it is. */
    post: async (body: string, asked?: Asked) => read(await send(body, asked)),
    /** Opens the response to a request. */
    open,
    /** The whole response to a request. */
    ask: async (method: string, params?: Record<string, unknown>, asked?: Asked) =>
      read(await open(method, params, asked)),
    close: async () => {
      await jobs.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type ToolServer<Types extends JobTypes> = Awaited<ReturnType<typeof serveTools<Types>>>
