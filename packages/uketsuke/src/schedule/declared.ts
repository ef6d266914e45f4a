import { assertConfiguration } from '../base/assert.ts'
import { UketsukeError } from '../domain/errors.ts'
import { definitionOf } from './schedule.ts'

/** What is wrong with the schedule, not with the store. */
const codes: ReadonlySet<string> = new Set([
  'validation-error',
  'invalid-owner',
  'unknown-job-type',
  'payload-too-large',
])

/** Checks the schedules that are declared in code, except for their inputs. @throws {UketsukeError} `invalid-configuration` */
export function checkSchedules(schedules: unknown, types: object): void {
  assertConfiguration(typeof schedules === 'object' && schedules !== null, 'createJobs(): schedules must be an object')
  for (const [name, options] of Object.entries(schedules as Record<string, unknown>)) {
    const isObject = typeof options === 'object' && options !== null
    assertConfiguration(isObject, `createJobs(): the schedule ${JSON.stringify(name)} must be an object`)
    let type = ''
    try {
      type = definitionOf(name, options as object, true).type
    } catch (error) {
      throw declaredWrongly(name, error)
    }
    assertConfiguration(
      Object.hasOwn(types, type),
      `createJobs(): the schedule ${JSON.stringify(name)} has the unknown job type ${JSON.stringify(type)}`,
    )
  }
}

/** An error of a schedule, as a fault of the program; any other error unchanged. */
export function declaredWrongly(name: string, error: unknown): unknown {
  if (!(error instanceof UketsukeError) || !codes.has(error.code)) return error
  const details = error.errors?.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`) ?? [error.message]
  const sentence = `createJobs(): the schedule ${JSON.stringify(name)} is invalid: ${details.join(' ')}`
  return new UketsukeError('invalid-configuration', sentence, { cause: error })
}
