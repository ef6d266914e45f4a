import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { isObject } from '../http/body.ts'
import { holdForEnd } from '../http/long-poll.ts'
import { builtInTool } from './built-in-tools.ts'
import { type McpContext, mustHave } from './context.ts'
import { failed, resultOf, unfinished } from './result.ts'
import { invalidParams, missingTasks } from './rpc-error.ts'
import { taskOf } from './task.ts'
import type { Tool } from './tools.ts'

/**
 * Creates the job of a tool, and waits a while for its end. Then a client with tasks gets a task, which is on disk by now, and any other
 * the id for `job_status`.
 */
export async function callTool(context: McpContext): Promise<object> {
  const { name, arguments: given = {} } = context.params
  if (typeof name !== 'string') throw invalidParams('params.name must be the name of a tool.')
  if (!isObject(given)) throw invalidParams('params.arguments must be an object.')
  const { tasks } = context.client
  const builtIn = tasks ? undefined : builtInTool(name)
  if (builtIn) return builtIn(context, given)
  const tool = context.tools.get(name)
  if (tool === undefined) throw invalidParams('Unknown tool.')
  if (tool.requiresTasks && !tasks) throw missingTasks()
  mustHave('jobs:create', context)
  const job = await runTool(context, tool, given)
  if (!('id' in job)) return job
  if (isTerminal(job)) return resultOf(context, job)
  return tasks ? { resultType: 'task', ...(await taskOf(context, job)) } : unfinished(job)
}

/** Resolves with the job, or with what the model should correct. */
async function runTool(context: McpContext, tool: Tool, input: object) {
  const { service, request, caller } = context
  try {
    const asked = { owner: caller.owner, type: tool.type, input, inputIsJson: true as const, carrier: request }
    const { job, created } = await service.accept(asked)
    return await held(context, job, tool.holdMs / 1_000, created)
  } catch (error) {
    if (error instanceof UketsukeError && error.code === 'validation-error') return failed(violations(error))
    throw error
  }
}

/**
 * Waits for the end of a job. A client that leaves meanwhile has cancelled its call, as the protocol says, and does not know of the job yet:
 * it is cancelled if this call has created it.
 */
async function held(context: McpContext, job: Job, seconds: number, created: boolean): Promise<Job> {
  const { service, request, caller } = context
  if (isTerminal(job) || seconds === 0) return job
  let gone = false
  const off = request.onGone(() => {
    gone = true
  })
  try {
    const latest = await holdForEnd(context, job, seconds)
    return gone && created && !isTerminal(latest) ? await service.cancel(caller.owner, job.id) : latest
  } finally {
    off()
  }
}

const violations = ({ message, errors = [] }: UketsukeError) =>
  [message, ...errors.map(({ pointer, detail }) => `${pointer.replace(/^\/input/, '') || '/'}: ${detail}`)].join('\n')
