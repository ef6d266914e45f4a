import { describe, expect, it } from 'vitest'
import { formOf } from './form.ts'
import { openQuestions, type Question, replyTo } from './question.ts'
import { cancel, claim, create, succeed } from './rules.ts'

const pending = create({ id: 'a', type: 't', owner: 'o', input: '{}', maxAttempts: 1, retainFor: 1 }, 0)
const running = claim(pending, 0, { worker: 'w', leaseMs: 1_000 })!
const form = formOf({ type: 'object', properties: { yes: { type: 'boolean' } }, required: ['yes'] })
const question: Question = { message: 'Sure?', form, askedAt: 1, until: 10 }
const stored = (key: string, more: Partial<Question> = {}) => ({ key, value: JSON.stringify({ ...question, ...more }) })

describe('a question is open', () => {
  const names = (job = running, now = 5) =>
    openQuestions(job, [stored('b', { askedAt: 2 }), stored('a'), stored('c')], [{ key: 'c', value: '' }], now).map(
      ({ name }) => name,
    )

  it('until it is answered, or its time is over', () => {
    expect(names()).toEqual(['a', 'b'])
    expect(names(pending)).toEqual(['a', 'b'])
    expect(names(running, 10)).toEqual([])
  })

  it('until its job has ended, or is to be cancelled', () => {
    expect(names(succeed(running, 1, 'null')!)).toEqual([])
    expect(names(cancel(running, 1)!)).toEqual([])
  })
})

describe('a reply', () => {
  it('accepts with content, declines or cancels', () => {
    const content = { yes: true }
    expect(replyTo(question, { action: 'accept', content })).toEqual({
      reply: { action: 'accept', content },
      errors: [],
    })
    for (const action of ['decline', 'cancel'])
      expect(replyTo(question, { action, content })).toEqual({ reply: { action, content: null }, errors: [] })
  })

  it('is told what is wrong with it', () => {
    const pointers = (given: unknown) => replyTo(question, given).errors.map(({ pointer }) => pointer)
    for (const given of [null, undefined, 'accept', {}, { action: 'maybe' }])
      expect(pointers(given)).toEqual(['/action'])
    expect(pointers({ action: 'accept' })).toEqual(['/content/yes'])
    expect(pointers({ action: 'accept', content: [] })).toEqual(['/content'])
  })
})
