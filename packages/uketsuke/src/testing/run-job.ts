import type { GivenAnswer } from '../api/jobs.ts'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import type { JobContext } from '../definition/context.ts'
import { type JobTypes, runnable } from '../definition/define.ts'
import { UketsukeError } from '../domain/errors.ts'
import { replyTo } from '../domain/question.ts'
import { memoryFiles } from '../files/memory.ts'
import { asking } from '../work/asking.ts'
import { RunFiles } from '../work/files.ts'
import { IsolatedRuns } from '../work/isolation/isolated-runs.ts'
import { serializeOutput } from '../work/output.ts'
import { Snoozed } from '../work/snooze.ts'

/** What a handler that runs alone gets besides its input. */
export interface RunJobOptions {
  /** Default: 1. */
  attempt?: number
  /** Default: `system`. */
  owner?: string
  /** Aborts the handler's signal, as a cancellation does. Default: never aborts. */
  signal?: AbortSignal
  /** Called with each progress that the handler reports. */
  onProgress?: (percent: number, message: string | undefined) => void
  /** The answers to the questions of the handler, by their names. Default: nobody answers, so that `ask` throws `not-answered`. */
  answers?: Readonly<Record<string, GivenAnswer>>
  /** Called with each chunk of live output that the handler writes. */
  onOutput?: (chunk: unknown) => void
}

/**
 * Runs a handler once, without a store: validates the input, calls it, and resolves with its output as clients would get it.
 * @throws what the handler throws; {UketsukeError} `invalid-input`, `validation-error` for an answer that does not fit, `invalid-output`, `invalid-progress`
 */
export async function runAlone(
  type: JobTypes[string],
  input: unknown,
  { attempt = 1, owner = 'system', signal, onProgress, onOutput, answers = {} }: RunJobOptions,
  { jobId, enqueue, outputBytes }: Pick<JobContext<unknown>, 'jobId' | 'enqueue'> & { outputBytes: number },
): Promise<unknown> {
  const isolated = new IsolatedRuns(systemClock)
  const { parse, run } = runnable(
    type,
    () => 0,
    (isolation) => isolated.of(isolation),
  )
  const text = JSON.stringify(input)
  if (text === undefined) throw new UketsukeError('invalid-input', 'JSON cannot hold the input.')
  const context: JobContext<unknown> = {
    input: await parse(text),
    progress(percent, message) {
      if (!(percent >= 0 && percent <= 100)) throw new UketsukeError('invalid-progress')
      onProgress?.(percent, message)
    },
    signal: signal ?? new AbortController().signal,
    attempt,
    jobId,
    owner,
    log: silentLog,
    enqueue: (type, input, options) => enqueue(type, input, { owner, ...options }),
    step: async (_name, fn) => JSON.parse(serializeOutput(await fn(), outputBytes, 'The result of the step')),
    ask: asking(async (name, question) => {
      const given = Object.hasOwn(answers, name) ? answers[name] : undefined
      if (given === undefined) throw new UketsukeError('not-answered', `There is no answer to "${name}".`)
      const { reply, errors } = replyTo(question, given)
      if (errors.length === 0) return reply
      throw new UketsukeError('validation-error', `The answer to "${name}" does not fit.`, { errors })
    }),
    snooze() {
      throw new Snoozed()
    },
    output: { write: async (chunk) => onOutput?.(chunk) },
    files: new RunFiles(alone(jobId), memoryFiles()),
  }
  try {
    return JSON.parse(serializeOutput(await run(context, undefined as never), outputBytes))
  } finally {
    isolated.close()
  }
}

/** Nothing holds a job that is not stored. */
const alone = (jobId: string) => ({ lease: { id: jobId, attempt: 1 }, throwIfAborted() {} })
