import { UketsukeError } from '../domain/errors.ts'
import { isTerminal } from '../domain/job.ts'
import { isObject } from '../domain/json.ts'
import { checkArgumentHeaders } from './argument-headers.ts'
import { builtInTool } from './built-in-tools.ts'
import { type McpContext, mustHave } from './context.ts'
import { type Held, holdForInput } from './input.ts'
import { type Call, continuedCall, inputRequired } from './request-state.ts'
import { failed, resultOf, type ToolResult, unfinished } from './result.ts'
import { invalidParams, missingTasks } from './rpc-error.ts'
import { taskOf } from './task.ts'
import type { Tool } from './tools.ts'

/**
 * Creates the job of a tool, or goes on with one that has asked, and waits a while for its end or its next question. Then a client with
 * tasks gets a task, which is on disk by now, and any other the id for `job_status`.
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
  if (!context.client.earlier) checkArgumentHeaders(context.request, tool.argumentHeaders, given)
  if (tool.requiresTasks && !tasks) throw missingTasks()
  mustHave('jobs:create', context)
  const call = (await continuedCall(context)) ?? (await begin(context, tool, given))
  if (!('job' in call)) return call
  const { job, questions } = await held(context, call, tool.holdMs / 1_000)
  if (isTerminal(job)) return resultOf(context, job)
  if (questions.length > 0) return inputRequired(context, { ...call, job }, questions)
  return tasks ? { resultType: 'task', ...(await taskOf(context, job)) } : unfinished(job)
}

/** Creates the job. Resolves with what the model should correct if its schema refuses the arguments. */
async function begin({ service, request, caller }: McpContext, tool: Tool, input: object): Promise<Call | ToolResult> {
  try {
    const asked = { owner: caller.owner, type: tool.type, input, inputIsJson: true as const, carrier: request }
    return await service.accept(asked)
  } catch (error) {
    if (error instanceof UketsukeError && error.code === 'validation-error') return failed(violations(error))
    throw error
  }
}

/**
 * Waits for the end of a job or its question. A client that leaves meanwhile has cancelled its call, as the protocol says, and does not know
 * of the job yet: it is cancelled if this call has created it.
 */
async function held(context: McpContext, { job, created }: Call, seconds: number): Promise<Held> {
  const { service, request, caller } = context
  if (isTerminal(job) || seconds === 0) return { job, questions: [] }
  let gone = false
  const off = request.onGone(() => {
    gone = true
  })
  try {
    const latest = await holdForInput(context, job, seconds)
    if (!gone || !created || isTerminal(latest.job)) return latest
    return { job: await service.cancel(caller.owner, job.id), questions: [] }
  } finally {
    off()
  }
}

const violations = ({ message, errors = [] }: UketsukeError) =>
  [message, ...errors.map(({ pointer, detail }) => `${pointer.replace(/^\/input/, '') || '/'}: ${detail}`)].join('\n')
