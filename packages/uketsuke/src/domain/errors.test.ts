import { expect, it } from 'vitest'
import {
  DeliveryError,
  errorTitles,
  JobError,
  PostponedError,
  publicFailure,
  UketsukeError,
  UnrecoverableError,
} from './errors.ts'
import { truncate } from './text.ts'

it('an error of this package has a code and, where nothing better is known, its title as its message', () => {
  const error = new UketsukeError('job-not-found')
  expect(error.message).toBe(`${errorTitles['job-not-found']}.`)
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

it('an error for clients is tried again unless it says otherwise', () => {
  expect(new JobError('No.')).toMatchObject({ name: 'JobError', code: 'job-error', retryable: true })
  expect(new JobError('No.', { retryable: false })).toMatchObject({ retryable: false })
  expect(new UnrecoverableError('No.')).toMatchObject({ name: 'UnrecoverableError', retryable: false })
})

it('clients see nothing of what was thrown, nor a message that an older worker stored of it', () => {
  const stored = {
    code: 'handler-error',
    message: 'connect 10.0.0.3',
    retryable: true,
    thrown: 'Error: connect 10.0.0.3',
  }
  expect(publicFailure(stored)).toEqual({
    code: 'handler-error',
    message: `${errorTitles['handler-error']}.`,
    retryable: true,
  })
  const refused = { code: 'webhook-refused', message: 'No.', retryable: true, detail: { status: 500, ms: 1 } }
  expect(publicFailure(refused)).toEqual(refused)
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
  expect(truncate('a\0b')).toBe('a\uFFFDb')
  expect(truncate('\uD800')).toBe('\uFFFD')
  expect(truncate('x'.repeat(1_001))).toHaveLength(1_000)
  expect(truncate(`${'x'.repeat(999)}\u{1F600}`)).toBe(`${'x'.repeat(999)}…`)
  expect(truncate('two\nlines\u2028')).toBe('two\nlines\u2028')
})

it('says of what failed on this side how long to wait, and why', () => {
  const cause = new Error('down')
  expect(new PostponedError('Not now.', 500, cause)).toMatchObject({
    name: 'PostponedError',
    message: 'Not now.',
    wait: 500,
    cause,
  })
})
