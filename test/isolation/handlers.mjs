/** The handler of the tests: does what its input says. It runs in a thread or a process of its own. */
import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { JobError } from 'uketsuke'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const all = {
  /** Uses everything that a handler gets. */
  async everything({ input, jobId, owner, attempt, progress, log, enqueue, step, output, files, signal }) {
    progress(30, 'A third')
    log.child({ part: 'one' }).info({ number: 7, err: new Error('logged') }, 'from afar')
    const other = await enqueue('other', { from: jobId })
    const receipt = await step('charge', () => ({ at: new Date(0) }))
    void output.write('Hello, ')
    await output.write('world')
    const saved = await files.save('a.txt', Readable.from(['he', 'llo']))
    await files.save('b.bin', new Uint8Array(300_000).fill(7), { contentType: 'application/x-own' })
    const isDate = input.at instanceof Date
    return {
      jobId,
      owner,
      attempt,
      other: other.jobId,
      receipt,
      saved,
      isDate,
      aborted: signal.aborted,
      env: process.env.OWN ?? null,
    }
  },
  returns: ({ input }) => input.value ?? null,
  async throws({ attempt, input }) {
    if (input.kind === 'client')
      throw new JobError('The card was declined.', { code: 'card-declined', retryable: false })
    if (attempt < 3) throw new TypeError(`attempt ${attempt} of a secret`)
    return attempt
  },
  /** Computes without a pause, and obeys nothing. */
  busy({ input }) {
    const end = Date.now() + input.ms
    let sum = 0
    while (Date.now() < end) sum += Math.sqrt(sum + 1)
    return sum > 0
  },
  async obedient({ signal, progress }) {
    progress(1)
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  },
  exits: ({ attempt }) => (attempt === 1 ? process.exit(3) : 'survived'),
  rejects: async ({ attempt }) => {
    if (attempt > 1) return 'survived'
    void Promise.reject(new Error('Nobody waits for this.'))
    await pause(10_000)
  },
  fills: ({ attempt }) => {
    if (attempt > 1) return 'survived'
    const all = []
    for (;;) all.push(new Array(100_000).fill(Math.random()))
  },
  /** Starts a process and then ignores everything. */
  async parent({ output }) {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await output.write(`${process.pid} ${child.pid}`)
    for (;;) Math.sqrt(2)
  },
  snoozes: async ({ snooze, step }) => {
    const runs = await step('count', () => 1)
    return (await step('again', () => runs)) === 1 && snooze(60_000, 'Later')
  },
  /** Waits for nothing that it saves and writes. */
  async hasty({ output, files }) {
    void files.save('large.bin', Readable.from([Buffer.alloc(200_000), Buffer.alloc(200_000)]))
    void output.write('said')
    return 'returned'
  },
  async cautious({ files, output }) {
    await output.write(7).catch(() => {})
    await files.save('../a', 'x').catch(() => {})
    return 'caught'
  },
  badFile({ files }) {
    void files.save('../a', 'x')
  },
  badStep: ({ step }) => step('', () => 1),
  badOutput: async ({ output }) => {
    void output.write(7)
    await pause(50)
    return 'not this'
  },
}

export default (context) => all[context.input.does](context)
