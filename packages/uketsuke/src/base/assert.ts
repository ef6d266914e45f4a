import { UketsukeError } from '../domain/errors.ts'

/** @throws {UketsukeError} `invalid-configuration` with the sentence, if `fine` is false */
export function assertConfiguration(fine: boolean, sentence: string): asserts fine {
  if (!fine) throw new UketsukeError('invalid-configuration', `${sentence}.`)
}
