import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { isObject } from '../domain/json.ts'
import type { HttpResponse } from '../http/response.ts'
import { messageStream } from '../http/sse/event-stream.ts'
import type { StateReader } from '../notify/watch.ts'
import { type McpContext, mustHave } from './context.ts'
import { invalidParams, missingTasks } from './rpc-error.ts'
import { detailedTaskOf, isHidden } from './task.ts'

/** The most tasks that a request may name. */
const mostTasks = 100

/**
 * Streams tasks: an acknowledgement with the ids that this owner may follow, then each task at each version, and a response when all have
 * ended. Nothing else can change, so that a stream without tasks ends at once.
 */
export async function listen(context: McpContext): Promise<HttpResponse> {
  const { service, message, caller, params } = context
  const ids = wantedTasks(params)
  if (ids !== null && !context.client.tasks) throw missingTasks()
  if (service.draining.aborted) throw new UketsukeError('temporarily-unavailable', 'The server is shutting down.')
  if (ids !== null) mustHave('jobs:read', context)
  const found = await Promise.all((ids ?? []).map((id) => isOwn(context, id)))
  const taskIds = (ids ?? []).filter((_, i) => found[i])
  const _meta = { 'io.modelcontextprotocol/subscriptionId': message.id }
  const notify = (method: string, params: object) => encoded({ method, params: { ...params, _meta } })
  const place = service.streams.open(caller)
  try {
    const reader = await service.followMany(caller.owner, taskIds)
    const tasks = new MessageReader(reader, async (job) =>
      notify('notifications/tasks', await detailedTaskOf(context, job)),
    )
    const begin = notify('notifications/subscriptions/acknowledged', { notifications: ids === null ? {} : { taskIds } })
    const end = encoded({ id: message.id, result: { resultType: 'complete', _meta } })
    return messageStream(service, tasks, { begin, end }, place)
  } catch (error) {
    place.release()
    throw error
  }
}

/** Null if no tasks are asked for. @throws {RpcError} */
function wantedTasks({ notifications }: McpContext['params']): string[] | null {
  if (!isObject(notifications)) throw invalidParams('params.notifications must be an object.')
  const { taskIds } = notifications
  if (taskIds === undefined) return null
  if (!Array.isArray(taskIds) || !taskIds.every((id) => typeof id === 'string'))
    throw invalidParams('params.notifications.taskIds must be a list of ids.')
  if (taskIds.length > mostTasks) throw invalidParams(`A subscription may name at most ${mostTasks} tasks.`)
  return [...new Set<string>(taskIds)]
}

const isOwn = ({ service, caller }: McpContext, id: string): Promise<boolean> =>
  service.find(caller.owner, id).then(
    () => true,
    (error: unknown) => {
      if (isHidden(error)) return false
      throw error
    },
  )

const encoded = (message: object): Uint8Array =>
  Buffer.from(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)

/** Reads jobs as messages, which are made asynchronously. */
class MessageReader implements StateReader<Uint8Array> {
  onChange: (() => void) | null = null
  readonly #jobs: StateReader
  readonly #encode: (job: Job) => Promise<Uint8Array>
  #next: Uint8Array | null | undefined
  #encoding = false
  #closed = false

  constructor(jobs: StateReader, encode: (job: Job) => Promise<Uint8Array>) {
    this.#jobs = jobs
    this.#encode = encode
    jobs.onChange = () => {
      this.#pull()
      if (this.#next !== undefined) this.onChange?.()
    }
  }

  take(): Uint8Array | null | undefined {
    if (this.#next === undefined) this.#pull()
    const next = this.#next
    if (next !== null) this.#next = undefined
    return next
  }

  close(): void {
    this.#closed = true
    this.#jobs.close()
  }

  /** One at a time: a newer state of the same job waits in the reader of jobs. */
  #pull(): void {
    if (this.#encoding || this.#closed || this.#next !== undefined) return
    const job = this.#jobs.take()
    if (job === undefined) return
    if (job === null) this.#next = null
    else void this.#make(job)
  }

  async #make(job: Job): Promise<void> {
    this.#encoding = true
    // A task whose result cannot be read now is left out: the client asks for it.
    const message = await this.#encode(job).catch(() => undefined)
    this.#encoding = false
    if (this.#closed) return
    this.#next = message
    this.#pull()
    if (this.#next !== undefined) this.onChange?.()
  }
}
