import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { isObject } from '../domain/json.ts'
import type { OpenQuestion } from '../domain/question.ts'
import { holdForEnd } from '../http/long-poll.ts'
import { type McpContext, mustHave } from './context.ts'
import { invalidParams, RpcError, rpcCodes } from './rpc-error.ts'

/** A job with the questions that its client is to answer. */
export interface Held {
  readonly job: Job
  readonly questions: readonly OpenQuestion[]
}

type Context = Pick<McpContext, 'service' | 'client'>

/** The open questions of a job. None for a client that cannot ask its user, and none before the first attempt. */
export async function questionsFor({ service, client }: Context, job: Job): Promise<OpenQuestion[]> {
  return client.elicits && job.attempt > 0 && !isTerminal(job) ? service.questions(job) : []
}

/** As the protocol sends them, by their names. */
export const inputRequests = (questions: readonly OpenQuestion[]): object =>
  Object.fromEntries(
    questions.map(({ name, message, form }) => [
      name,
      { method: 'elicitation/create', params: { mode: 'form', message, requestedSchema: form } },
    ]),
  )

/** Waits for the end of a job, or until it asks what this client can answer. */
export async function holdForInput(context: McpContext, job: Job, seconds: number): Promise<Held> {
  let questions: readonly OpenQuestion[] = []
  const asks = async (latest: Job) => {
    questions = await questionsFor(context, latest)
    return questions.length > 0
  }
  const enough = (latest: Job) => isTerminal(latest) || (context.client.elicits && asks(latest))
  const latest = await holdForEnd(context, job, seconds, enough)
  return { job: latest, questions: isTerminal(latest) ? [] : questions }
}

/**
 * Answers the questions of a job.
 * @throws {RpcError} for an answer that does not fit; `forbidden`, `job-not-found`, `job-expired`
 */
export async function answerWith(context: McpContext, jobId: string, responses: unknown): Promise<void> {
  if (!isObject(responses)) throw invalidParams('params.inputResponses must be an object.')
  mustHave('jobs:create', context)
  try {
    await context.service.answer(context.caller.owner, jobId, new Map(Object.entries(responses)))
  } catch (error) {
    if (!(error instanceof UketsukeError) || error.code !== 'validation-error') throw error
    const { message, errors = [] } = error
    const lines = [message, ...errors.map(({ pointer, detail }) => `${pointer}: ${detail}`)]
    throw new RpcError(rpcCodes.invalidParams, lines.join('\n'), { data: { errors } })
  }
}
