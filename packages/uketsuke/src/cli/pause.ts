import { parseOptionsAndIds, UsageError } from './arguments.ts'
import { openJobs } from './open-jobs.ts'

const text = { type: 'string' } as const
const options = { store: text, schema: text, all: { type: 'boolean' } } as const

/** `uketsuke pause` and `uketsuke resume`. */
export const pause = (verb: 'pause' | 'resume') => async (args: readonly string[]) => {
  const { values, ids: types } = parseOptionsAndIds(verb, args, options)
  if ((values.all === true) === types.length > 0)
    throw new UsageError(`"uketsuke ${verb}" takes job types, or --all. Try "uketsuke ${verb} --help".`)
  return openJobs(values, async (jobs) => {
    if (values.all) await jobs[verb]()
    for (const type of types) await jobs[verb](type)
    const paused = await jobs.paused()
    const shown = paused.includes('*') ? 'all types' : paused.join(', ')
    console.log(paused.length === 0 ? 'No type is paused.' : `Paused: ${shown}.`)
  })
}
