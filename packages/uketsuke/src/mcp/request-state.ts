import { fingerprint } from '../accept/idempotency.ts'
import { keyFor, seal, unseal } from '../base/seal.ts'
import type { Job } from '../domain/job.ts'
import type { OpenQuestion } from '../domain/question.ts'
import type { McpContext } from './context.ts'
import { answerWith, inputRequests } from './input.ts'
import { invalidParams } from './rpc-error.ts'
import { isHidden } from './task.ts'

/** A call of a tool, and whether it has created its job. */
export interface Call {
  readonly job: Job
  readonly created: boolean
}

/** What `requestState` holds. `until` is in milliseconds since the epoch. */
type State = readonly [jobId: string, created: boolean, until: number]

/** What a call is answered with while its job asks: the client repeats the call with its answers and with `requestState`. */
export async function inputRequired(
  context: McpContext,
  { job, created }: Call,
  questions: readonly OpenQuestion[],
): Promise<object> {
  const until = Math.max(...questions.map((one) => one.until))
  const state: State = [job.id, created, until]
  const requestState = seal(await keyOf(context), JSON.stringify(state), boundTo(context))
  return { resultType: 'input_required', inputRequests: inputRequests(questions), requestState }
}

/**
 * Answers the questions of the job that this call goes on with. Null for a call that begins.
 * @throws {RpcError} for a state that is forged, too old, of another owner, or of another call, and for an answer that does not fit
 */
export async function continuedCall(context: McpContext): Promise<Call | null> {
  const { params, service, caller } = context
  const { requestState, inputResponses = {} } = params
  if (requestState === undefined) return null
  const text = typeof requestState === 'string' ? unseal(await keyOf(context), requestState, boundTo(context)) : null
  const [jobId, created, until] = text === null ? ['', false, 0] : (JSON.parse(text) as State)
  if (service.clock.now() >= until) throw invalidState()
  try {
    await answerWith(context, jobId, inputResponses)
    return { job: await service.find(caller.owner, jobId), created }
  } catch (error) {
    throw isHidden(error) ? invalidState() : error
  }
}

const invalidState = () => invalidParams('params.requestState is not of this call, or has expired: call the tool anew.')

const keyOf = async ({ service }: McpContext) => keyFor('mcp-request-state', await service.ticketKey())

/** A state is good for the same call of the same owner only. */
const boundTo = ({ caller, params }: McpContext): string =>
  JSON.stringify([caller.owner, fingerprint({ name: params.name, arguments: params.arguments ?? {} })])
