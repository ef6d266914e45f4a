import { styleText } from 'node:util'
import type { JobView } from '@uketsuke/client'
import type { Jobs } from '../api/jobs.ts'
import { pause } from '../base/timers.ts'
import { jobStatuses } from '../domain/job.ts'
import { allOwners } from '../store/port.ts'
import { integer, parseOptionsAndIds, UsageError } from './arguments.ts'
import { openJobs } from './open-jobs.ts'
import { showDetails, showLogLine, showRow, showState, tableHead } from './show-job.ts'

const text = { type: 'string' } as const
const options = {
  owner: text,
  status: text,
  type: text,
  limit: text,
  store: text,
  schema: text,
  json: { type: 'boolean' },
} as const
const usage = 'Try "uketsuke jobs --help".'

interface Given {
  ids: readonly string[]
  owner: string | typeof allOwners
  values: { status?: string; type?: string; limit?: string; json?: boolean }
}

/** The allowed options of each action, besides `--owner` and those of the store, and whether it takes ids. */
const actions: Readonly<
  Record<
    string,
    { allowed: readonly string[]; ids: 'none' | 'one' | 'many'; run(jobs: Jobs, given: Given): Promise<void> }
  >
> = {
  ls: { allowed: ['status', 'type', 'limit', 'json'], ids: 'none', run: ls },
  show: { allowed: ['json'], ids: 'one', run: show },
  tail: { allowed: ['json'], ids: 'one', run: tail },
  cancel: { allowed: ['json'], ids: 'many', run: each((jobs, id, owner) => jobs.cancel(id, { owner })) },
  retry: { allowed: ['json'], ids: 'many', run: each((jobs, id, owner) => jobs.retry(id, { owner })) },
  rm: { allowed: [], ids: 'many', run: remove },
}

export async function jobs([name = '', ...args]: readonly string[]): Promise<number> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) throw new UsageError(`"uketsuke jobs" needs ls, show, tail, cancel, retry or rm. ${usage}`)
  const { values, ids } = parseOptionsAndIds('jobs', args, options)
  const unknown = Object.keys(values).find((one) => ![...action.allowed, 'owner', 'store', 'schema'].includes(one))
  if (unknown !== undefined) throw new UsageError(`"uketsuke jobs ${name}" has no option --${unknown}. ${usage}`)
  const fits = action.ids === 'none' ? ids.length === 0 : action.ids === 'one' ? ids.length === 1 : ids.length > 0
  if (!fits) throw new UsageError(`"uketsuke jobs ${name}" takes ${amounts[action.ids]}. ${usage}`)
  return openJobs(values, (opened) => action.run(opened, { ids, owner: values.owner ?? allOwners, values }))
}

const amounts = { none: 'no ids', one: 'one job id', many: 'one or more job ids' } as const

async function ls(jobs: Jobs, { owner, values: { status, type, limit, json } }: Given): Promise<void> {
  const statuses = status?.split(',')
  const wrong = statuses?.find((one) => !jobStatuses.some((known) => known === one))
  if (wrong !== undefined) {
    throw new UsageError(`--status must be one or more of ${jobStatuses.join(', ')}, not ${JSON.stringify(wrong)}.`)
  }
  const { items, nextCursor } = await jobs.list({
    owner,
    limit: integer('limit', limit, 20, 1, 100),
    ...(statuses !== undefined && { status: statuses as never }),
    ...(type !== undefined && { type }),
  })
  if (json) return print(items)
  if (items.length > 0) console.log(styleText('bold', tableHead))
  for (const job of items) console.log(showRow(job, Date.now()))
  if (nextCursor !== null) console.error(`More jobs exist: raise --limit, or narrow the list down.`)
}

async function show(jobs: Jobs, { ids: [id = ''], owner, values }: Given): Promise<void> {
  const job = await jobs.get(id, { owner, include: ['input'] })
  if (job === null) throw new Error(`There is no job ${id}.`)
  const [attempts, deliveries, log] = await Promise.all([
    jobs.attempts(id, { owner }),
    jobs.deliveries(id, { owner }),
    // The job is the owner's: it was found above.
    jobs.logLines(id, { owner: allOwners }),
  ])
  if (values.json) print({ ...job, attempts, deliveries, log })
  else console.log(showDetails(job, attempts, deliveries, log))
}

/** Log lines are stored about once a second. */
const logMs = 1_200

/** Prints each state and each new log line up to the end. On a terminal, running states replace each other. */
async function tail(jobs: Jobs, { ids: [id = ''], owner, values }: Given): Promise<void> {
  const replaces = process.stdout.isTTY && !values.json
  const seen = new Set<string>()
  const printLog = async () => {
    if (values.json) return
    for (const line of await jobs.logLines(id, { owner: allOwners })) {
      const key = `${line.attempt} ${line.number ?? line.at}`
      if (!seen.has(key)) console.log(`${replaces ? '\r\u001b[K' : ''}${showLogLine(line)}`)
      seen.add(key)
    }
  }
  const over = new AbortController()
  // Following does not keep a process alive, but this does.
  const looking = (async () => {
    while (!over.signal.aborted) {
      await printLog().catch(() => {})
      await pause(logMs, undefined, { signal: over.signal }).catch(() => {})
    }
  })()
  let ended: string | null = null
  try {
    for await (const job of jobs.watch(id, { owner })) {
      ended = job.completedAt
      if (ended !== null) await printLog()
      if (values.json) console.log(JSON.stringify(job))
      else if (replaces && job.completedAt === null) process.stdout.write(`\r\u001b[K${showState(job)}`)
      else console.log(`${replaces ? '\r\u001b[K' : ''}${showState(job)}`)
    }
    const age = ended === null ? 0 : Date.now() - Date.parse(ended)
    if (!values.json && age < logMs) await pause(logMs - age)
    await printLog()
  } finally {
    over.abort()
    await looking
  }
}

function each(act: (jobs: Jobs, id: string, owner: Given['owner']) => Promise<JobView>) {
  return async (jobs: Jobs, { ids, owner, values }: Given): Promise<void> => {
    for (const id of ids) {
      const job = await act(jobs, id, owner)
      if (values.json) console.log(JSON.stringify(job))
      else console.log(showRow(job, Date.now()))
    }
  }
}

async function remove(jobs: Jobs, { ids, owner }: Given): Promise<void> {
  for (const id of ids) {
    await jobs.remove(id, { owner })
    console.log(`Deleted ${id}.`)
  }
}

const print = (value: unknown) => console.log(JSON.stringify(value, null, 2))
