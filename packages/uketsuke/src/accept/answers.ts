import { UketsukeError, type Violation } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { pointerToken } from '../domain/json.ts'
import {
  answerKind,
  mostQuestions,
  type OpenQuestion,
  openQuestions,
  questionKind,
  replyTo,
} from '../domain/question.ts'
import { touch } from '../domain/rules.ts'
import { anyLease } from '../store/fragments.ts'
import type { Store } from '../store/port.ts'
import type { Transition } from '../store/transition.ts'

interface Parts {
  readonly store: Pick<Store, 'fragments' | 'addFragments'>
  readonly transition: Transition
  readonly clock: { now(): number }
}

/** The questions of a job that can be answered, oldest first. A job that has asked nothing costs one probe of an index. */
export async function questionsOf({ store, clock }: Omit<Parts, 'transition'>, job: Job): Promise<OpenQuestion[]> {
  const read = (kind: string) =>
    store.fragments({ owner: job.owner, jobId: job.id, kind, after: null, limit: mostQuestions })
  const questions = await read(questionKind)
  return questions.length === 0 ? [] : openQuestions(job, questions, await read(answerKind), clock.now())
}

/**
 * Stores the answers to the open questions among `given`, all or none, and resolves with their names. Other names are ignored: the first
 * answer to a question counts.
 * @throws `validation-error` with pointers that begin with the name of the question; `job-not-found`
 */
export async function answerQuestions(
  { store, transition, clock }: Parts,
  job: Job,
  given: ReadonlyMap<string, unknown>,
): Promise<string[]> {
  const asked = (await questionsOf({ store, clock }, job)).filter(({ name }) => given.has(name))
  const errors: Violation[] = []
  const fragments = asked.map((question) => {
    const answer = replyTo(question, given.get(question.name))
    errors.push(
      ...answer.errors.map(({ pointer, detail }) => ({ pointer: `/${pointerToken(question.name)}${pointer}`, detail })),
    )
    return { lease: anyLease(job.id), kind: answerKind, key: question.name, value: JSON.stringify(answer.reply) }
  })
  if (errors.length > 0)
    throw new UketsukeError('validation-error', 'The answer does not fit the question, which stays open.', { errors })
  if (fragments.length === 0) return []
  const stored = await store.addFragments(fragments)
  // It was deleted meanwhile.
  if (stored.includes(false)) throw new UketsukeError('job-not-found')
  // The answers are stored, whatever becomes of this hint to the worker and to those who follow the job.
  await transition(job, touch, clock.now)
  return asked.map(({ name }) => name)
}
