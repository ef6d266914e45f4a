import { builtInTools } from '../definition/mcp-tool.ts'
import { UketsukeError } from '../domain/errors.ts'
import { isTerminal } from '../domain/job.ts'
import { hold } from '../http/long-poll.ts'
import { type McpContext, mustHave } from './context.ts'
import { failed, resultOf, type ToolResult, unfinished } from './result.ts'

type BuiltInTool = (context: McpContext, given: Record<string, unknown>) => Promise<ToolResult>

/** The tools for clients without tasks. Undefined for any other name. */
export function builtInTool(name: string): BuiltInTool | undefined {
  if (name === builtInTools.status) return explained(status)
  if (name === builtInTools.cancel) return explained(cancel)
  return undefined
}

/** The longest wait of `job_status`, and the usual one, in seconds. */
const longest = 50
const usual = 20

const status: BuiltInTool = async (context, { jobId, waitSeconds = usual }) => {
  mustHave('jobs:read', context)
  const seconds = typeof waitSeconds === 'number' && waitSeconds >= 0 && waitSeconds <= longest ? waitSeconds : null
  if (seconds === null) return failed(`waitSeconds must be from 0 to ${longest}.`)
  const { service, caller } = context
  const job = await service.find(caller.owner, String(jobId))
  const follower = await service.follow(caller.owner, job.id, job.version)
  const latest = await hold(context, follower, job, seconds, isTerminal)
  return isTerminal(latest) ? resultOf(context, latest) : unfinished(latest)
}

const cancel: BuiltInTool = async (context, { jobId }) => {
  mustHave('jobs:cancel', context)
  const job = await context.service.cancel(context.caller.owner, String(jobId))
  if (!isTerminal(job)) return unfinished(job)
  return job.status === 'cancelled' ? { content: failed('The job was cancelled.').content } : resultOf(context, job)
}

/** Tells the model that there is no such job, in the same words for one of another owner. */
const explained =
  (tool: BuiltInTool): BuiltInTool =>
  async (context, given) => {
    try {
      return await tool(context, given)
    } catch (error) {
      if (error instanceof UketsukeError && ['job-not-found', 'job-expired'].includes(error.code))
        return failed('There is no such job.')
      throw error
    }
  }
