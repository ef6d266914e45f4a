/** The codes of JSON-RPC and of the Model Context Protocol. */
export const rpcCodes = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** A code of this package is in `data.code`. */
  refused: -32000,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const

/** An error that is answered to the client as it is. */
export class RpcError extends Error {
  readonly code: number
  readonly data: object | undefined
  /** The HTTP status. An error about what a well-formed request asked for has 200. */
  readonly status: number

  constructor(code: number, message: string, { status = 200, data }: { status?: number; data?: object } = {}) {
    super(message)
    this.code = code
    this.status = status
    this.data = data
  }
}

export const invalidParams = (message: string, status = 200) =>
  new RpcError(rpcCodes.invalidParams, message, { status })

/** The same for a task that never existed, has expired, or belongs to another owner. */
export const taskNotFound = () => invalidParams('Task not found.')

export const missingTasks = () =>
  new RpcError(rpcCodes.missingCapability, 'The client must support the extension io.modelcontextprotocol/tasks.', {
    status: 400,
    data: { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } },
  })
