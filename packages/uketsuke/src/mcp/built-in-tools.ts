import { builtInTools } from '../definition/mcp-tool.ts'
import { isTerminal } from '../domain/job.ts'
import { type McpContext, mustHave } from './context.ts'
import { holdForInput } from './input.ts'
import { continuedCall, inputRequired } from './request-state.ts'
import { failed, progressOf, resultOf, text, unfinished } from './result.ts'
import { RpcError, rpcCodes } from './rpc-error.ts'
import { isHidden } from './task.ts'

type BuiltInTool = (context: McpContext, given: Record<string, unknown>) => Promise<object>

/** The longest wait of `job_status`, and the usual one, in seconds. */
const [longest, usual] = [50, 20]

const jobId = { type: 'string', description: 'The id that the call of a tool has returned.' }

/** The built-in tools as they are listed. */
export const builtInToolList = [
  {
    name: builtInTools.status,
    description: 'Waits for a job that another tool has started, and returns its result, or how far it is.',
    inputSchema: {
      type: 'object',
      properties: {
        jobId,
        waitSeconds: {
          type: 'integer',
          minimum: 0,
          maximum: longest,
          default: usual,
          description: 'How long to wait for the end of the job.',
        },
      },
      required: ['jobId'],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  {
    name: builtInTools.cancel,
    description: 'Cancels a job that another tool has started.',
    inputSchema: { type: 'object', properties: { jobId }, required: ['jobId'], additionalProperties: false },
    annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
  },
]

/** A tool for clients without tasks. Undefined for any other name. */
export function builtInTool(name: string): BuiltInTool | undefined {
  if (name === builtInTools.status) return explained(status)
  if (name === builtInTools.cancel) return explained(cancel)
  return undefined
}

const status: BuiltInTool = async (context, { jobId, waitSeconds = usual }) => {
  mustHave('jobs:read', context)
  const seconds = typeof waitSeconds === 'number' && waitSeconds >= 0 && waitSeconds <= longest ? waitSeconds : null
  if (seconds === null) return failed(`waitSeconds must be from 0 to ${longest}.`)
  const { service, caller } = context
  const call = await continuedCall(context)
  const found = call?.job ?? (await service.find(caller.owner, String(jobId)))
  const { job, questions } = await holdForInput(context, found, seconds)
  if (isTerminal(job)) return resultOf(context, job)
  return questions.length > 0 ? inputRequired(context, { job, created: false }, questions) : unfinished(job)
}

const cancel: BuiltInTool = async (context, { jobId }) => {
  mustHave('jobs:cancel', context)
  const job = await context.service.cancel(context.caller.owner, String(jobId))
  if (!isTerminal(job)) return unfinished(job)
  return job.status === 'cancelled' ? { content: [text(progressOf(job))] } : resultOf(context, job)
}

/**
 * Tells the model why there is no result: no such job, in the same words for one of another owner, or a failure of the system, which is no
 * error of this call.
 */
const explained =
  (tool: BuiltInTool): BuiltInTool =>
  async (context, given) => {
    try {
      return await tool(context, given)
    } catch (error) {
      if (isHidden(error)) return failed('There is no such job.')
      if (error instanceof RpcError && error.code === rpcCodes.internalError) return failed(error.message)
      throw error
    }
  }
