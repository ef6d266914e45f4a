import type { Violation } from './errors.ts'
import { type Form, filledIn } from './form.ts'
import { isTerminal, type Job } from './job.ts'

/** The kinds of the fragments with the questions of a handler and with their answers. Their keys are the names of the questions. */
export const [questionKind, answerKind] = ['question', 'answer'] as const

/** How many questions a job may ask. All of them are read together. */
export const mostQuestions = 100

/** A question as it is stored. Times are in milliseconds since the epoch. */
export interface Question {
  readonly message: string
  readonly form: Form
  readonly askedAt: number
  /** From then on it cannot be answered. */
  readonly until: number
}

export interface OpenQuestion extends Question {
  readonly name: string
}

/** What a user has replied. `content` is what the form was filled in with. */
export type Reply =
  | { readonly action: 'accept'; readonly content: Record<string, unknown> }
  | { readonly action: 'decline' | 'cancel'; readonly content: null }

interface Stored {
  readonly key: string
  readonly value: string
}

/** The questions of a job that can be answered, oldest first. Nobody waits for an answer once its cancellation was requested. */
export function openQuestions(
  job: Job,
  questions: readonly Stored[],
  answers: readonly Stored[],
  now: number,
): OpenQuestion[] {
  if (isTerminal(job) || job.cancelRequestedAt !== null) return []
  const answered = new Set(answers.map(({ key }) => key))
  return questions
    .filter(({ key }) => !answered.has(key))
    .map(({ key, value }) => ({ name: key, ...(JSON.parse(value) as Question) }))
    .filter(({ until }) => now < until)
    .sort((a, b) => a.askedAt - b.askedAt)
}

/** Reads an answer to a question. What is wrong with it is told by its pointers. */
export function replyTo(
  { form }: Pick<Question, 'form'>,
  given: unknown,
): { reply: Reply; errors: readonly Violation[] } {
  const { action, content } = Object(given) as { action?: unknown; content?: unknown }
  if (action === 'decline' || action === 'cancel') return { reply: { action, content: null }, errors: [] }
  const nothing = { reply: { action: 'cancel', content: null } as const }
  if (action !== 'accept')
    return { ...nothing, errors: [{ pointer: '/action', detail: 'It must be accept, decline or cancel.' }] }
  const filled = filledIn(form, content ?? {})
  const errors = filled.errors.map(({ pointer, detail }) => ({ pointer: `/content${pointer}`, detail }))
  return errors.length > 0 ? { ...nothing, errors } : { reply: { action, content: filled.content }, errors }
}
