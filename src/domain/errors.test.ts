import { expect, it } from 'vitest'
import { catalogue, DeliveryError, UketsukeError, UnrecoverableError } from './errors.ts'
import { tidy } from './text.ts'

it('an error of this package has a code and, where nothing better is known, its title as its message', () => {
  const error = new UketsukeError('job-not-found')
  expect(error.message).toBe(`${catalogue['job-not-found']}.`)
  const more = new UketsukeError('validation-error', 'No.', {
    errors: [{ pointer: '/a', detail: 'b' }],
    retryAfter: 1,
    cause: error,
  })
  expect(more).toMatchObject({
    code: 'validation-error',
    message: 'No.',
    errors: [{ pointer: '/a', detail: 'b' }],
    retryAfter: 1,
    cause: error,
  })
})

it('a handler may name the code that its clients see', () => {
  expect(new UnrecoverableError('No.').code).toBe('unrecoverable')
  expect(new UnrecoverableError('No.', { code: 'no-data' }).code).toBe('no-data')
})

it('a delivery is tried again unless the receiver forbids it', () => {
  const answer = { ms: 1 }
  expect(new DeliveryError('webhook-refused', 'No.', { answer })).toMatchObject({
    retryable: true,
    waitAtLeast: 0,
    answer,
  })
  const gone = new DeliveryError('webhook-refused', 'No.', { answer, retryable: false, waitAtLeast: 9 })
  expect(gone).toMatchObject({ retryable: false, waitAtLeast: 9 })
})

it('free text is made fit for every store and screen', () => {
  expect(tidy('a\0b')).toBe('a\uFFFDb')
  expect(tidy('\uD800')).toBe('\uFFFD')
  expect(tidy('x'.repeat(1_001))).toHaveLength(1_000)
  expect(tidy(`${'x'.repeat(999)}\u{1F600}`)).toBe(`${'x'.repeat(999)}…`)
  expect(tidy('two\nlines\u2028')).toBe('two\nlines\u2028')
})
