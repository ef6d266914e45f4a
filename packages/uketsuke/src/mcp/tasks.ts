import { type McpContext, mustHave } from './context.ts'
import { answerWith } from './input.ts'
import { invalidParams, missingTasks } from './rpc-error.ts'
import { detailedTaskOf, orTaskNotFound } from './task.ts'

/** Responds with a task, and with its result once it has ended. */
export async function getTask(context: McpContext): Promise<object> {
  const id = taskId(context)
  mustHave('jobs:read', context)
  const job = await orTaskNotFound(context.service.find(context.caller.owner, id))
  return detailedTaskOf(context, job)
}

/** Answers what a task asks. Responses to anything else are ignored. */
export async function updateTask(context: McpContext): Promise<object> {
  const id = taskId(context)
  mustHave('jobs:create', context)
  await orTaskNotFound(answerWith(context, id, context.params.inputResponses))
  return {}
}

/** Asks for a cancellation. A task that has ended does not change. */
export async function cancelTask(context: McpContext): Promise<object> {
  const id = taskId(context)
  mustHave('jobs:cancel', context)
  await orTaskNotFound(context.service.cancel(context.caller.owner, id))
  return {}
}

/** @throws {RpcError} */
function taskId({ client, params }: McpContext): string {
  if (!client.tasks) throw missingTasks()
  if (typeof params.taskId !== 'string') throw invalidParams('params.taskId must be the id of a task.')
  return params.taskId
}
