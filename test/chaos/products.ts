import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ledger } from './ledger.ts'
import type { Setup } from './setup.ts'

interface Row {
  id: string
  output: string
  files: string | null
  /** The stored result of each step, by its name. */
  steps: Record<string, string>
  /** The last stream of live output. */
  said: string
}

const completed = `
  SELECT id, output, files,
    (SELECT coalesce(json_object_agg(key, value), '{}') FROM uketsuke.fragments WHERE job_id = jobs.id AND kind = 'step') AS steps,
    (SELECT coalesce(string_agg(value, '' ORDER BY key), '') FROM uketsuke.fragments WHERE job_id = jobs.id AND kind =
      (SELECT 'output/' || max(key)::int FROM uketsuke.fragments WHERE job_id = jobs.id AND kind = 'output')) AS said
  FROM uketsuke.jobs WHERE queue = 'jobs' AND status = 'completed'`

/** Compares the steps, the live output and the file of each completed job with what its handler returned. Returns the number of jobs. */
export async function verifyProducts({ postgres }: Setup, { requests, wrong }: Ledger, files: string): Promise<number> {
  const rows = new Map(((await postgres.query(completed)).rows as Row[]).map((row) => [row.id, row]))
  let verified = 0
  for (const { jobId, input } of requests) {
    const row = rows.get(jobId ?? '')
    if (row === undefined || !input.keeps) continue
    verified++
    const { kept } = JSON.parse(row.output) as { kept: number[] }
    const stored = kept.map((_, n) => Number(row.steps[`step ${n}`]))
    // A step that ran again after its commit would have returned a later attempt than the stored one.
    if (String(stored) !== String(kept)) wrong.push(`${jobId} returned the steps ${kept} and has ${stored}`)
    const expected = kept.map((_, n) => `${n} `).join('')
    if (row.said !== expected || kept.length !== input.steps) wrong.push(`${jobId} has said ${row.said}`)
    const [file] = JSON.parse(row.files ?? '[]') as { run: string }[]
    const folder = join(files, jobId ?? '', file?.run ?? '')
    const [name = ''] = existsSync(folder) ? readdirSync(folder) : []
    const content = name === '' ? 'nothing' : readFileSync(join(folder, name), 'utf8')
    if (content !== JSON.stringify(kept)) wrong.push(`${jobId} has saved ${content} instead of ${JSON.stringify(kept)}`)
  }
  return verified
}
