import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { tempFile } from '../jobs/setup.ts'

/** A process whose files may have at most 1 MB: for a file, that is a full disk. */
const program = (file: string) => `
  import { execFileSync } from 'node:child_process'
  import { existsSync, readdirSync } from 'node:fs'
  import { allOwners, createJobs, job, silentLog, sqlite } from 'uketsuke'
  process.on('SIGXFSZ', () => {})
  const any = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
  const run = ({ input, files }) => files.save('a.bin', new Uint8Array(input.bytes))
  const jobs = createJobs({ jobs: { save: job({ input: any, maxAttempts: 1, run }) }, store: sqlite(${JSON.stringify(file)}), log: silentLog })
  await jobs.work()
  execFileSync('prlimit', ['--fsize=1000000:unlimited', '--pid', String(process.pid)])
  const ended = async (bytes) => {
    const { jobId } = await jobs.enqueue('save', { bytes })
    for await (const one of jobs.watch(jobId, { owner: allOwners })) if (one.completedAt !== null) return one
  }
  const full = await ended(2_000_000)
  const [attempt] = await jobs.attempts(full.jobId, { owner: allOwners })
  const folder = ${JSON.stringify(`${file}-files`)}
  // What is left is removed after the attempt has ended.
  let left
  for (let n = 0; n < 500; n++) {
    left = existsSync(folder) ? readdirSync(folder, { recursive: true }) : []
    if (left.length === 0) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const fits = await ended(500_000)
  console.log(JSON.stringify({ error: full.error, thrown: attempt.error.thrown, left, files: fits.files.length }))
  await jobs.close()
`

test('a file that the disk has no room for fails its attempt with a sentence, leaves nothing, and others go on', async () => {
  const args = ['--input-type=module', '-e', program(tempFile())]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: new URL('.', import.meta.url) })
  const { error, thrown, left, files } = JSON.parse(stdout)
  expect(error).toEqual({
    code: 'file-not-saved',
    message: 'A file of the job could not be stored.',
    retryable: false,
  })
  expect(thrown).toContain('The disk of the file storage is full.')
  expect([left, files]).toEqual([[], 1])
})
