import { quantile } from '../crash/support.ts'
import type { Ledger } from './ledger.ts'
import type { Setup } from './setup.ts'

interface Row {
  id: string
  status: string
  version: number
  completed_at: number | null
  /** The last attempt. `worker` is null if the job ended while it waited. */
  attempt: number
  worker: string | null
  /** The attempts before the last one. */
  log: { attempt: number; outcome: string }[]
  webhooks: string[]
}

const terminal = ['completed', 'failed', 'cancelled']

/** Reads the tables directly, without the code under test. */
const everything = `
  SELECT id, status, version, completed_at, attempt, worker,
    (SELECT coalesce(json_agg(json_build_object('attempt', attempt, 'outcome', outcome) ORDER BY version), '[]')
     FROM uketsuke.attempts WHERE job_id = jobs.id) AS log,
    (SELECT coalesce(json_agg(status), '[]') FROM uketsuke.jobs AS webhook WHERE webhook.parent = jobs.id) AS webhooks
  FROM uketsuke.jobs WHERE queue = 'jobs'`

export interface Verification {
  readonly jobs: number
  readonly outcomes: Record<string, number>
  readonly attempts: { p50: number; max: number }
  readonly webhooks: number
}

/** Compares the stored jobs with what clients saw. Adds contradictions to `ledger.wrong`. */
export async function verify({ postgres }: Setup, ledger: Ledger): Promise<Verification> {
  const { wrong, requests, hooks, ends } = ledger
  const rows: Row[] = (await postgres.query(everything)).rows
  const byId = new Map(rows.map((row) => [row.id, row]))
  for (const { key, jobId } of requests) {
    if (!byId.has(jobId ?? '')) wrong.push(`${key} was accepted as ${jobId} and is lost`)
  }
  // Each request was repeated until it was answered, so the outcome of each is known.
  if (rows.length !== requests.length) wrong.push(`${requests.length} keys gave ${rows.length} jobs`)
  for (const { id, was, became } of (await postgres.query('SELECT * FROM public.irregular')).rows) {
    wrong.push(`${id}: the database saw ${was} become ${became}`)
  }
  const outcomes: Record<string, number> = {}
  for (const row of rows) {
    outcomes[row.status] = (outcomes[row.status] ?? 0) + 1
    check(row)
  }
  for (const id of hooks.keys()) if (!byId.has(id)) wrong.push(`a webhook reported ${id}, which is not stored`)

  function check({ id, status, version, completed_at, attempt, worker, log, webhooks }: Row): void {
    if (completed_at === null) wrong.push(`${id} has not ended: ${status}, version ${version}`)
    const told = ends.get(id)
    if (told !== undefined && !told.startsWith(`["${status}",${version},`)) {
      wrong.push(`${id} was reported as ended with ${told}, and is ${status} at ${version}`)
    }
    // A job that is cancelled while it waits ends without an attempt.
    if (worker === null && status !== 'cancelled') wrong.push(`${id} is ${status} without an attempt`)
    if (log.some(({ outcome }) => terminal.includes(outcome))) {
      wrong.push(`${id} went on after ${log.map(({ outcome }) => outcome)}`)
    }
    const numbers = attemptsOf(log, attempt, worker)
    if (numbers.some((number, i) => number !== i + 1)) wrong.push(`${id} has attempts ${numbers}`)
    if (String(webhooks) !== 'completed') wrong.push(`${id} has deliveries ${JSON.stringify(webhooks)}`)
    const got = hooks.get(id) ?? []
    if (got.length === 0) wrong.push(`${id} ended without its webhook`)
    for (const { id: webhookId, type, data, valid } of got) {
      if (!valid) wrong.push(`${id}: a signature is not valid`)
      if (webhookId !== `msg_${id}`) wrong.push(`${id}: its webhook-id is ${webhookId}`)
      if (type !== `job.${status}`) wrong.push(`${id} is ${status} and was reported as ${type}`)
      if (data.version > version) wrong.push(`${id}: a webhook has version ${data.version} of ${version}`)
    }
  }

  const attempts = rows.map(({ log, attempt, worker }) => attemptsOf(log, attempt, worker).length)
  return {
    jobs: rows.length,
    outcomes,
    attempts: { p50: quantile(attempts, 0.5), max: Math.max(...attempts) },
    webhooks: [...hooks.values()].reduce((sum, got) => sum + got.length, 0),
  }
}

const attemptsOf = (log: Row['log'], attempt: number, worker: string | null): number[] => [
  // A released attempt does not use up an attempt number.
  ...log.filter(({ outcome }) => outcome !== 'released').map((one) => one.attempt),
  ...(worker === null ? [] : [attempt]),
]
