/**
 * A process of the crash tests: an API, a worker, or both, on one SQLite file or one PostgreSQL database. Its one argument is its
 * configuration, in JSON. It reports its events over IPC, with their times.
 */
import { appendFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { createJobs, job, localFiles, sqlite, UnrecoverableError } from 'uketsuke'
import { nodeListener } from 'uketsuke/node'
import { postgres } from 'uketsuke/postgres'
import { redis } from 'uketsuke/redis'

const {
  file,
  database,
  api,
  work,
  lease = 1_000,
  allowHosts = [],
  secret,
  uid,
  redisUrl,
  takeOverAfter,
  older,
  bareLog,
  files,
  port = 0,
} = JSON.parse(process.argv[2])
if (uid !== undefined) {
  // Loaded before `setuid`: the new user may not be able to read the folder of this repository.
  await import('@photostructure/sqlite')
  process.setuid(uid)
}

const tell = (event, fields) => process.connected && process.send({ event, at: Date.now(), ...fields }, () => {})
/** Keys of the `held` jobs that may return. */
const finished = new Set()
let over = false
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
/** A process of an older version cannot read the inputs of newer jobs. */
const validate = (value) => (older && value?.newer ? { issues: [{ message: 'Not known here.' }] } : { value })
const anything = { '~standard': { version: 1, vendor: 'crash-tests', validate } }

/** Values that a handler may throw: foreign objects, some of which throw when they are inspected. */
const bomb = () => {
  throw new Error('a getter')
}
const hostile = [
  (message) => new Error(message),
  () => Object.defineProperties(new Error(), { stack: { get: bomb }, message: { get: bomb }, name: { get: bomb } }),
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  () => Object.create(null),
  () => Symbol('thrown'),
  () => () => {},
]
let thrown = 0
/** A log without `child`, like `console`. It throws if reading the error throws. */
const write = (fields, message) => console.log(message, fields.err?.message, fields.jobId)

const types = {
  /**
   * Runs in steps. Its first `throws` attempts throw; then it returns, or fails for good with `givesUp`. With `keeps`, it keeps the result of
   * each step, which is the attempt that did it, tells it as live output, and saves a file.
   */
  steps: async ({ input, attempt, progress, signal, step, output, files }) => {
    const { key, steps, stepMs, throws = 0, givesUp = false, keeps = false } = input
    tell('start', { key, attempt })
    const kept = []
    for (let n = 0; n < steps; n++) {
      await pause(stepMs)
      signal.throwIfAborted()
      progress((100 * n) / steps, `step ${n} of ${steps}`)
      if (!keeps) continue
      kept.push(await step(`step ${n}`, () => attempt))
      await output.write(`${n} `)
    }
    if (attempt <= throws) throw hostile[thrown++ % hostile.length](`attempt ${attempt} was to fail`)
    if (givesUp) throw new UnrecoverableError('it was to give up')
    if (!keeps) return { key, attempt }
    await files.save('steps.json', JSON.stringify(kept))
    return { key, attempt, kept }
  },
  /** Kills its own process. */
  deadly: async ({ input: { key }, attempt }) => {
    tell('start', { key, attempt })
    // Wait until the message has reached the parent.
    await new Promise((resolve) => process.send({ event: 'dying', key, at: Date.now() }, resolve))
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  },
  /** Reports progress until it may return. It stops on an abort only with `obeys`. */
  held: async ({ input: { key, obeys = true, everyMs = 50 }, attempt, progress, signal }) => {
    tell('start', { key, attempt })
    signal.addEventListener('abort', () => tell('abort', { key, attempt, reason: String(signal.reason?.message) }))
    for (let n = 0; !over && !finished.has(key); n = Math.min(98, n + 1)) {
      await pause(everyMs)
      if (obeys) signal.throwIfAborted()
      progress(n, `${process.pid} says ${n}`)
    }
    progress(99, `last words of ${process.pid}`)
    tell('return', { key, attempt })
    return { by: process.pid, attempt }
  },
  /** Blocks its process until `file` exists, so that no message reaches it before it returns. Attempt 2 returns at once. */
  blocking: async ({ input: { key, file }, attempt, progress }) => {
    await new Promise((resolve) => process.send({ event: 'start', key, attempt, at: Date.now() }, resolve))
    if (attempt === 1) {
      const cell = new Int32Array(new SharedArrayBuffer(4))
      while (!existsSync(file)) Atomics.wait(cell, 0, 0, 5)
      progress(99, `last words of ${process.pid}`)
    }
    tell('return', { key, attempt })
    return { by: process.pid, attempt }
  },
  /** Runs within the limits of its key, and writes down when, by a clock that all processes share: a line that a kill cannot lose. */
  limited: async ({ input: { key, log, ms }, jobId, signal }) => {
    const note = (what) =>
      appendFileSync(
        log,
        `${JSON.stringify({ what, key, jobId, pid: process.pid, at: Number(process.hrtime.bigint()) / 1e6 })}\n`,
      )
    note('start')
    const ended = () => note('end')
    signal.addEventListener('abort', ended, { once: true })
    await pause(ms)
    if (!signal.aborted) ended()
    signal.removeEventListener('abort', ended)
    signal.throwIfAborted()
  },
  /** Does three steps, writes words between them, and saves them as a file. What it does is written down, so that no kill loses it. */
  products: async ({ input: { log, words }, jobId, step, output, files }) => {
    const note = (what) => appendFileSync(log, `${JSON.stringify({ what, jobId })}\n`)
    let text = ''
    for (let part = 0; part < 3; part++) {
      await step(`part ${part}`, () => note(`begins ${part}`))
      note(`has ${part}`)
      for (let word = 0; word < words; word++) {
        const said = `${part}.${word} `
        text += said
        await output.write(said)
        await pause(3)
      }
    }
    await files.save('words.txt', text)
  },
  /** Saves a file that is larger than the memory may grow. */
  large: ({ input: { mebibytes }, files }) => {
    async function* chunks() {
      const chunk = Buffer.alloc(1 << 20, 'uketsuke')
      for (let i = 0; i < mebibytes; i++) yield chunk
    }
    return files.save('large.bin', chunks())
  },
  /** Reports the current time as progress, so that a reader can compute the latency. */
  clock: async ({ input: { times, everyMs }, progress }) => {
    for (let n = 1; n <= times; n++) {
      await pause(everyMs)
      progress((99 * n) / times, String(Date.now()))
    }
  },
}

const plain = (run) => job({ input: anything, maxAttempts: 1_000, backoff: { base: 20, max: 200 }, run })
const jobs = createJobs({
  jobs: {
    ...Object.fromEntries(Object.entries(types).map(([name, run]) => [name, plain(run)])),
    steps: job({
      input: anything,
      stream: 'text',
      maxAttempts: 1_000,
      backoff: { base: 20, max: 200 },
      run: types.steps,
    }),
    deadly: job({ input: anything, maxAttempts: 2, run: types.deadly }),
    products: job({
      input: anything,
      stream: 'text',
      maxAttempts: 1_000,
      backoff: { base: 20, max: 200 },
      run: types.products,
    }),
    limited: job({
      input: anything,
      maxAttempts: 1_000,
      backoff: { base: 20, max: 200 },
      concurrency: { limit: 3, key: ({ input }) => input.key },
      run: types.limited,
    }),
  },
  store: database ? postgres(database) : sqlite(file),
  ...(files && { files: localFiles(files) }),
  dispatch: redisUrl && redis({ url: redisUrl, takeOverAfter }),
  lease,
  ...(bareLog && { log: { info: write, warn: write, error: write } }),
  webhooks: secret && { secret, allowHosts },
  authenticate: (request) => ({ owner: request.headers.get('authorization')?.replace('Bearer ', '') || 'nobody' }),
})

process.on('message', ({ finish }) => finished.add(finish))
// The test process has ended and can no longer stop this one.
process.on('disconnect', () => process.exit(1))

try {
  await jobs.ready()
} catch (error) {
  console.error(error.message)
  tell('unusable', { code: error.code, message: error.message })
  process.disconnect()
  process.exit(2)
}

let server
if (api) {
  server = createServer(nodeListener(jobs))
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
}
if (work) await jobs.work(work)

process.once('SIGTERM', async () => {
  tell('stopping')
  // Close the listener first, so that clients of the ended streams reconnect to another process.
  const closed = server && new Promise((resolve) => server.close(resolve))
  server?.closeIdleConnections()
  await jobs.close()
  server?.closeAllConnections()
  await closed
  tell('stopped')
  // A handler that ignores its signal would keep the process alive.
  over = true
  // No process.exit(): the test must detect anything that keeps the process alive.
  process.removeAllListeners('disconnect')
  process.disconnect()
})

// Last: whoever knows that it is ready may end it.
tell('ready', { port: server?.address().port })
