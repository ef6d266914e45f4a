import { plainText } from '../base/thrown.ts'
import { day, integerOption } from '../domain/numbers.ts'
import { truncate } from '../domain/text.ts'

/** When a job that was given back runs again. */
export interface Snooze {
  /** In milliseconds from now. */
  readonly ms: number
  readonly message: string | null
}

/** @throws `invalid-configuration` */
export const snoozeFor = (ms: number, message?: string): Snooze => ({
  ms: integerOption('snooze()', ms ?? null, 0, { min: 0, max: 366 * day, of: 'milliseconds' }),
  message: message === undefined ? null : truncate(plainText(message)),
})

/** Ends a handler that has given its job back. */
export class Snoozed extends Error {
  override readonly name = 'Snoozed'

  constructor() {
    super('The handler has given its job back with snooze(). Do not catch this error.')
  }
}
