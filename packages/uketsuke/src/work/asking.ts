import type { StandardSchemaV1 } from '@standard-schema/spec'
import { text } from '../base/thrown.ts'
import type { Answer, AskedQuestion, JobContext } from '../definition/context.ts'
import { jsonSchema } from '../definition/json-schema.ts'
import { pointer } from '../definition/pointer.ts'
import { UketsukeError } from '../domain/errors.ts'
import { emptyForm, type Form, formOf } from '../domain/form.ts'
import { day, integerOption } from '../domain/numbers.ts'
import type { Reply } from '../domain/question.ts'

const [longestName, longestMessage] = [255, 2_000]
/** How long a question waits for its answer, in milliseconds, if the handler does not say. */
const usualWait = 10 * 60_000
/** How often the same is asked if the schema refuses each answer. */
const mostRounds = 10

/** A question with the form for its answer. */
export interface FormQuestion {
  readonly message: string
  /** In milliseconds. */
  readonly within: number
  readonly form: Form
}

/** Asks once, and resolves with what the user has replied. */
type AskOnce = (name: string, question: FormQuestion) => Promise<Reply>

/**
 * The handler's `ask`, on the side where its schema is. An answer that fits the form but not the schema is asked for again, under another
 * name, since clients ignore one that they have answered.
 */
export function asking(once: AskOnce): JobContext<unknown>['ask'] {
  async function ask<Content>(name: string, asked: AskedQuestion<Content>): Promise<Answer<Content>> {
    checkName(name)
    const question = questionOf(name, asked)
    let { message } = question
    for (let round = 1; round <= mostRounds; round++) {
      const reply = await once(round === 1 ? name : `${name} (${round})`, { ...question, message })
      if (reply.action !== 'accept') return reply
      if (asked.schema === undefined) return reply as Answer<Content>
      const checked = await asked.schema['~standard'].validate(reply.content)
      if (!checked.issues) return { action: 'accept', content: checked.value }
      message = `${question.message}\n\n${refusal(checked.issues[0])}`
    }
    throw new UketsukeError('not-answered', `The question "${name}" got no valid answer in ${mostRounds} tries.`)
  }
  return (name, question) => {
    const answer = ask(name, question)
    // A handler may go on without the answer: an unhandled rejection would end the process.
    answer.catch(() => {})
    return answer
  }
}

/** A schema for what has passed a form: it accepts anything. */
export const schemaOf = (form: Form): StandardSchemaV1<unknown, object> => {
  const standard = {
    version: 1,
    vendor: 'uketsuke',
    validate: (value: unknown) => ({ value: value as object }),
    jsonSchema: { input: () => form },
  } as const
  return { '~standard': standard }
}

function checkName(name: unknown): asserts name is string {
  const fine = typeof name === 'string' && name !== '' && name.length <= longestName && name.isWellFormed()
  if (!fine) throw invalid(`The name of a question must be a text of 1 to ${longestName} characters.`)
}

function questionOf(name: string, { message, schema, within }: AskedQuestion<unknown>): FormQuestion {
  if (typeof message !== 'string' || message === '' || message.length > longestMessage)
    throw invalid(`The message of the question "${name}" must be a text of 1 to ${longestMessage} characters.`)
  const range = { min: 1, max: 366 * day, of: 'milliseconds' }
  return {
    message,
    within: integerOption('ask(): within', within, usualWait, range),
    form: schema === undefined ? emptyForm : formOf(jsonSchema(schema, 'input').schema),
  }
}

function refusal(issue: unknown): string {
  const where = pointer(issue).replace(/^\//, '')
  return `The last answer was refused${where === '' ? '' : `: ${where}`}: ${text(issue, 'message') || 'invalid value'}`
}

const invalid = (sentence: string) => new UketsukeError('invalid-question', sentence)
