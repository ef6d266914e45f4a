import { builtInToolList } from './built-in-tools.ts'
import type { McpContext } from './context.ts'
import { type Client, earlierVersions, protocolVersion, tasksExtension } from './message.ts'
import { invalidParams } from './rpc-error.ts'
import type { Tools } from './tools.ts'

/** How the endpoint presents itself. */
export interface McpPresentation {
  readonly serverInfo: { readonly name: string; readonly version: string }
  readonly instructions: string | undefined
}

/** How long a client may keep what it has discovered, in milliseconds. Tools change with a new release only. */
const caching = { ttlMs: 5 * 60_000, cacheScope: 'private' }

export async function discover(_: McpContext, { instructions }: McpPresentation): Promise<object> {
  const capabilities = { tools: {}, extensions: { [tasksExtension]: {} } }
  return { supportedVersions: [protocolVersion], capabilities, instructions, ...caching }
}

/** The handshake of earlier versions. Nothing is kept of it. */
export async function initialize(
  { params }: McpContext,
  { serverInfo, instructions }: McpPresentation,
): Promise<object> {
  const asked = earlierVersions.find((one) => one === params.protocolVersion)
  return {
    protocolVersion: asked ?? earlierVersions[0],
    capabilities: { tools: {} },
    serverInfo,
    instructions,
  }
}

export async function listTools({ client, caller, params, tools }: McpContext): Promise<object> {
  // All tools are on the first page.
  if (params.cursor !== undefined) throw invalidParams('Invalid cursor.')
  return { tools: listed(tools, client, caller.canRead), ...(!client.earlier && caching) }
}

/** The tools as a client sees them. A client without tasks is not told of outputs, which it may not get within one call. */
function listed(tools: Tools, { tasks }: Client, canRead: boolean): object[] {
  const own = [...tools].map(([name, { description, annotations, inputSchema, outputSchema }]) => ({
    name,
    ...(annotations?.title !== undefined && { title: annotations.title }),
    description,
    inputSchema,
    ...(tasks && canRead && outputSchema !== undefined && { outputSchema }),
    ...(annotations !== null && { annotations }),
  }))
  return tasks ? own : [...own, ...builtInToolList]
}
