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

it('an UketsukeError has a code and uses its title as the default message', () => {
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

it('a handler can choose the code that clients see', () => {
  expect(new UnrecoverableError('No.').code).toBe('unrecoverable')
  expect(new UnrecoverableError('No.', { code: 'no-data' }).code).toBe('no-data')
})

it('a JobError is retryable by default', () => {
  expect(new JobError('No.')).toMatchObject({ name: 'JobError', code: 'job-error', retryable: true })
  expect(new JobError('No.', { retryable: false })).toMatchObject({ retryable: false })
  expect(new UnrecoverableError('No.')).toMatchObject({ name: 'UnrecoverableError', retryable: false })
})

it('clients see neither the thrown error nor a message of it that an older worker stored', () => {
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

it('a failed delivery is retryable unless the receiver rules it out', () => {
  const answer = { ms: 1 }
  expect(new DeliveryError('webhook-refused', 'No.', { answer })).toMatchObject({
    retryable: true,
    waitAtLeast: 0,
    answer,
  })
  const gone = new DeliveryError('webhook-refused', 'No.', { answer, retryable: false, waitAtLeast: 9 })
  expect(gone).toMatchObject({ retryable: false, waitAtLeast: 9 })
})

it('truncate makes free text safe for every store', () => {
  expect(truncate('a\0b')).toBe('a\uFFFDb')
  expect(truncate('\uD800')).toBe('\uFFFD')
  expect(truncate('x'.repeat(1_001))).toHaveLength(1_000)
  expect(truncate(`${'x'.repeat(999)}\u{1F600}`)).toBe(`${'x'.repeat(999)}…`)
  expect(truncate('two\nlines\u2028')).toBe('two\nlines\u2028')
})

it('a PostponedError carries the wait and the cause', () => {
  const cause = new Error('down')
  expect(new PostponedError('Not now.', 500, cause)).toMatchObject({
    name: 'PostponedError',
    message: 'Not now.',
    wait: 500,
    cause,
  })
})
