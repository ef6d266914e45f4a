import type { Jobs } from '../api/jobs.ts'
import type { ScheduleView } from '../schedule/schedule.ts'
import { parseOptionsAndIds, UsageError } from './arguments.ts'
import { openJobs } from './open-jobs.ts'

const text = { type: 'string' } as const
const options = { store: text, schema: text, json: { type: 'boolean' } } as const
const usage = 'Try "uketsuke schedules --help".'

type Action = (jobs: Jobs, name: string) => Promise<string>
const actions: Readonly<Record<string, Action>> = {
  pause: async (jobs, name) => `Paused ${(await jobs.schedules.pause(name)).name}.`,
  resume: async (jobs, name) => `Resumed ${name}. Next: ${(await jobs.schedules.resume(name)).next[0] ?? 'never'}`,
  run: async (jobs, name) => {
    await jobs.schedules.requestRun(name)
    return `A worker runs ${name} within seconds.`
  },
  rm: async (jobs, name) => {
    await jobs.schedules.remove(name)
    return `Removed ${name}.`
  },
}

export async function schedules([name = '', ...args]: readonly string[]): Promise<number> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined && name !== 'ls')
    throw new UsageError(`"uketsuke schedules" needs ls, pause, resume, run or rm. ${usage}`)
  const { values, ids: names } = parseOptionsAndIds('schedules', args, options)
  if ((action === undefined) !== (names.length === 0))
    throw new UsageError(`"uketsuke schedules ${name}" takes ${action ? 'one or more names' : 'no names'}. ${usage}`)
  if (action !== undefined && values.json)
    throw new UsageError(`"uketsuke schedules ${name}" has no option --json. ${usage}`)
  return openJobs(values, async (jobs) => {
    if (action === undefined) list(await jobs.schedules.list(), values.json === true)
    else for (const one of names) console.log(await action(jobs, one))
  })
}

function list(all: readonly ScheduleView[], json: boolean): void {
  if (json) console.log(JSON.stringify(all, null, 2))
  for (const { name, type, cron, timezone, paused, lastRunAt, next } of json ? [] : all) {
    console.log(`${name}${paused ? ' (paused)' : ''}: ${type}, ${cron} ${timezone}`)
    console.log(`  last ${lastRunAt ?? 'never'}`)
    for (const time of next) console.log(`  next ${time}`)
  }
}
