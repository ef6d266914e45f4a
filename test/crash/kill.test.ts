import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import { silentLog } from '../../packages/uketsuke/src/base/log.ts'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { until } from '../until.ts'
import {
  accepted,
  bearer,
  endAll,
  finally_,
  folder,
  Program,
  post,
  quantile,
  type Received,
  type Role,
  receiver,
  type Seen,
  secret,
  seeded,
  status,
} from './support.ts'

afterEach(endAll)

const rounds = Number(process.env.CRASH_ROUNDS ?? 6)
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000)
/** Limits the open jobs, so that kills hit jobs in progress and not a backlog. */
const mostUnderWay = 40
const maxDelay = 1_200

/** A limit for a retry loop: collects the reason for each retry, and throws with the last ten after a minute. */
function patient(what: string): (why?: unknown) => void {
  const deadline = performance.now() + 60_000
  const whys: string[] = []
  return (why) => {
    if (why !== undefined) whys.push(String(why))
    if (performance.now() > deadline) throw new Error(`Not within a minute: ${what}; ${whys.slice(-10).join(', ')}`)
  }
}

/** One client's request, and what the client knows about it. */
interface Request {
  key: string
  input: { key: string; steps: number; stepMs: number; throws: number; givesUp: boolean; newer: boolean }
  cancels: boolean
  jobId: string | null
  /** The number of times the request was sent, and was answered with 202. */
  sent: number
  answered: number
}

test(
  `loses no accepted job, ends each job once and delivers each webhook through ${rounds} rounds of kill -9`,
  async () => {
    console.log(`CRASH_ROUNDS=${rounds} CRASH_SEED=${seed}`)
    // A separate random sequence for the kills, so that the number of requests does not change them.
    const [faultRandom, clientRandom] = [seeded(seed), seeded(seed + 1)]
    const file = join(folder(), 'jobs.db')
    const wrong: string[] = []
    const requests: Request[] = []
    /** The terminal state that clients saw for each job; there can be only one. */
    const ends = new Map<string, string>()
    const hooks = new Map<string, Received[]>()
    let kills = 0
    let suspensions = 0
    let starts = 0
    let lostAnswers = 0
    let runs = 0
    const running: Record<'api' | 'worker', (Program | null)[]> = { api: [null, null], worker: [null, null] }
    const killed = new Set<Program>()
    const urls = () => running.api.flatMap((one) => (one?.alive && one.url ? [one.url] : []))

    function saw(seen: Seen, by: string): void {
      if (seen.completedAt === null) return
      const end = JSON.stringify([seen.status, seen.version, seen.completedAt, seen.output, seen.error])
      const known = ends.get(seen.jobId) ?? end
      ends.set(seen.jobId, known)
      if (known !== end) wrong.push(`${seen.jobId} ended twice: ${known}, then (${by}) ${end}`)
    }

    const hook = await receiver(
      () => clientRandom() * 100,
      (received) => {
        hooks.set(received.data.jobId, [...(hooks.get(received.data.jobId) ?? []), received])
        saw(received.data, 'webhook')
        const [url] = urls()
        // A receiver that reads the status sees that version or a later one. The process may be gone by then.
        if (url)
          void status(url, received.data.jobId).then(
            (seen) => check(seen, received),
            () => {},
          )
      },
    )
    function check(seen: Seen, received: Received): void {
      saw(seen, 'status after the webhook')
      if (seen.version < received.data.version) wrong.push(`${seen.jobId}: the webhook was ahead of the status`)
    }

    const common = { file, secret, allowHosts: [hook.host] }
    const roles: Record<'api' | 'worker', Role> = {
      api: { ...common, api: true },
      worker: { ...common, work: { concurrency: 5 } },
    }
    function startMissing(): void {
      for (const kind of ['api', 'worker'] as const) {
        running[kind].forEach((one, i) => {
          if (one?.alive) return
          if (one && !killed.has(one)) wrong.push(`the ${kind} ${one.pid} died by itself: ${one.output}`)
          starts++
          const older = kind === 'worker' && i === 0 && !rolledOut
          running[kind][i] = new Program({ ...roles[kind], older, bareLog: true }, ({ event }) => {
            if (event === 'start') runs++
          })
        })
      }
    }

    let closing = false
    let rolledOut = false
    /** Repeats the request with the same key until a process responds with 202. */
    async function send(request: Request): Promise<Seen> {
      const patience = patient(`${request.key} is answered 202`)
      for (;;) {
        patience()
        const url = await until(() => urls()[Math.floor(clientRandom() * urls().length)], 'an API lives', {
          ms: 60_000,
        })
        request.sent++
        try {
          const answer = await post(url, 'steps', request.input, { key: request.key, webhookUrl: hook.url })
          const seen = (await answer.json()) as Seen
          if (answer.status === 202) {
            if (request.jobId !== null && request.jobId !== seen.jobId) wrong.push(`key ${request.key} gave two jobs`)
            request.jobId = seen.jobId
            request.answered++
            saw(seen, '202')
            return seen
          }
          if (answer.status !== 503 && answer.status !== 409) wrong.push(`POST was answered ${answer.status}`)
          patience(answer.status)
        } catch (error) {
          patience(error)
          lostAnswers++
        }
      }
    }

    async function cancel(jobId: string): Promise<void> {
      const patience = patient(`${jobId} is cancelled`)
      for (;;) {
        patience()
        const url = await until(() => urls()[0], 'an API lives', { ms: 60_000 })
        try {
          const answer = await fetch(`${url}/${jobId}/cancel`, {
            method: 'POST',
            headers: bearer,
            signal: AbortSignal.timeout(20_000),
          })
          const seen = (await answer.json()) as Seen
          if (answer.ok) return saw(seen, 'cancel')
          patience(answer.status)
        } catch (error) {
          // Cancellation is idempotent.
          patience(error)
        }
      }
    }

    async function client(): Promise<void> {
      while (!closing) {
        await until(() => closing || requests.length - ends.size < mostUnderWay, 'there is room', { ms: 120_000 })
        const key = `request-${requests.length}`
        const draw = clientRandom()
        const request: Request = {
          key,
          input: {
            key,
            steps: Math.floor(clientRandom() * 5),
            stepMs: Math.floor(clientRandom() * 60),
            throws: draw < 0.1 ? 1 : 0,
            givesUp: draw > 0.95,
            // One of the two workers cannot read it, and releases it.
            newer: draw > 0.1 && draw < 0.2,
          },
          cancels: draw > 0.85 && draw < 0.95,
          jobId: null,
          sent: 0,
          answered: 0,
        }
        requests.push(request)
        const { jobId } = await send(request)
        if (request.cancels) await cancel(jobId)
        // Like a client that did not receive the response.
        if (clientRandom() < 0.2) await send(request)
        await new Promise((resolve) => setTimeout(resolve, clientRandom() * 60))
      }
    }

    const allReady = () => [...running.api, ...running.worker].every((one) => one?.find('ready') || (one && !one.alive))
    /** Suspends one worker, usually for longer than its lease. It resumes as a zombie unless it is killed first. */
    let asleep: Promise<void> | null = null
    async function suspend(worker: Program, ms: number): Promise<void> {
      suspensions++
      worker.stop()
      await new Promise((resolve) => setTimeout(resolve, ms))
      if (worker.alive) worker.continue()
      asleep = null
    }

    startMissing()
    const clients = Promise.all(Array.from({ length: 6 }, client))
    // Awaited at the end; until then, a failed client must not cause an unhandled rejection.
    clients.catch(() => {})
    for (let round = 0; round < rounds; round++) {
      startMissing()
      // A quarter of the rounds may kill processes during startup; the others wait until all are ready, even on a busy machine.
      if (faultRandom() < 0.75) await until(allReady, 'the processes start', { ms: 60_000 })
      await new Promise((resolve) => setTimeout(resolve, faultRandom() * maxDelay))
      const all = [...running.api, ...running.worker].filter((one) => one !== null)
      const first = Math.floor(faultRandom() * all.length)
      const victims = all.filter((one, i) => one.alive && (i === first || faultRandom() < 0.3))
      const spared = running.worker.find((one) => one?.alive && one.find('ready') && !victims.includes(one))
      if (spared && asleep === null && faultRandom() < 0.5) asleep = suspend(spared, faultRandom() * 3_000)
      kills += victims.length
      for (const one of victims) killed.add(one)
      await Promise.all(victims.map((one) => one.kill()))
    }
    closing = true
    await asleep
    startMissing()
    await until(allReady, 'the processes start', { ms: 60_000 })
    await clients
    // Finish the rollout. Otherwise inputs that only newer workers can read could wait for minutes by chance.
    rolledOut = true
    const [last] = running.worker
    if (last) killed.add(last)
    last?.terminate()
    expect(await last?.ended()).toBe(0)
    startMissing()
    await until(allReady, 'the newer worker starts', { ms: 60_000 })

    const jobs = createJobs({ jobs: {}, store: sqlite(file), log: silentLog })
    await jobs.ready()
    finally_(() => jobs.close())
    await until(
      async () => {
        const { jobs: one, deliveries: two } = await jobs.stats()
        return one.pending + one.running + two.pending + two.running === 0
      },
      'everything ends',
      { ms: 60_000, more: () => running.worker.map((one) => one?.output).join('\n') },
    )
    // The workers finish their work first.
    for (const one of running.worker) one?.terminate()
    for (const one of running.worker) expect(await one?.ended()).toBe(0)

    const stored: Seen[] = []
    for (let cursor: string | null = null; ; ) {
      const page = await jobs.list({ owner: allOwners, limit: 100, ...(cursor !== null && { cursor }) })
      stored.push(...(page.items as unknown as Seen[]))
      cursor = page.nextCursor
      if (cursor === null) break
    }
    const byId = new Map(stored.map((one) => [one.jobId, one]))
    for (const { key, jobId, answered } of requests) {
      if (answered > 0 && !byId.has(jobId ?? '')) wrong.push(`${key} was accepted as ${jobId} and is lost`)
    }
    // A request without a response may be stored, but each request was repeated until it was answered.
    if (stored.length !== requests.length) wrong.push(`${requests.length} keys gave ${stored.length} jobs`)

    const outcomes: Record<string, number> = {}
    const attemptsOf: number[] = []
    for (const { jobId } of stored) {
      // Lists do not contain outputs.
      const job = (await jobs.get(jobId, { owner: allOwners })) as unknown as Seen
      saw(job, 'store')
      if (job.completedAt === null) wrong.push(`${job.jobId} has not ended`)
      outcomes[job.status] = (outcomes[job.status] ?? 0) + 1
      const log = await jobs.attempts(job.jobId, { owner: allOwners })
      attemptsOf.push(log.length)
      const last = log.filter(({ outcome }) => ['completed', 'failed', 'cancelled'].includes(outcome))
      const wanted =
        job.attempt > 0 && job.status !== 'cancelled' ? [job.status] : last.map(() => job.status).slice(0, 1)
      if (String(last.map(({ outcome }) => outcome)) !== String(wanted)) {
        wrong.push(`${job.jobId} is ${job.status} and its attempts ended ${log.map(({ outcome }) => outcome)}`)
      }
      // A released attempt does not use up an attempt number.
      const spent = log.filter(({ outcome }) => outcome !== 'released')
      if (spent.some(({ attempt }, i) => attempt !== i + 1))
        wrong.push(`${job.jobId} has attempts ${log.map((one) => one.attempt)}`)

      const got = hooks.get(job.jobId) ?? []
      if (got.length === 0) wrong.push(`${job.jobId} ended without its webhook`)
      for (const { id, type, data, valid } of got) {
        if (!valid) wrong.push(`${job.jobId}: a signature is not valid`)
        if (id !== `msg_${job.jobId}`) wrong.push(`${job.jobId}: its webhook-id is ${id}`)
        if (type !== `job.${job.status}`) wrong.push(`${job.jobId} is ${job.status} and was reported as ${type}`)
        if (data.version > job.version)
          wrong.push(`${job.jobId}: the webhook has version ${data.version} of ${job.version}`)
      }
      const deliveries = await jobs.deliveries(job.jobId, { owner: allOwners })
      if (String(deliveries.map((one) => one.status)) !== 'completed') {
        wrong.push(`${job.jobId} has deliveries ${JSON.stringify(deliveries)}`)
      }
    }
    for (const id of hooks.keys()) if (!byId.has(id)) wrong.push(`a webhook reported ${id}, which is not stored`)

    const webhooks = [...hooks.values()].reduce((sum, got) => sum + got.length, 0)
    console.log(
      `kill -9: ${rounds} rounds (seed ${seed}), ${kills} kills, ${suspensions} suspensions, ${starts} starts; ${requests.length} requests accepted ` +
        `(${requests.reduce((sum, { sent }) => sum + sent, 0)} sent, ${lostAnswers} answers lost) = ${stored.length} jobs ` +
        `${JSON.stringify(outcomes)}; ${runs} runs reported, attempts per job p50 ${quantile(attemptsOf, 0.5)} ` +
        `max ${Math.max(...attemptsOf)}; ${webhooks} webhooks, ${webhooks - hooks.size} of them again; ` +
        `${wrong.length} lost, doubled or otherwise wrong`,
    )
    expect(wrong.slice(0, 20)).toEqual([])
    expect(stored.length).toBeGreaterThan(rounds)
  },
  120_000 + rounds * 20_000,
)

test('a job that kills each of its workers fails with lease-lost, and its webhook reports that', async () => {
  const file = join(folder(), 'jobs.db')
  const hook = await receiver()
  const common = { file, secret, allowHosts: [hook.host] }
  const api = await Program.start({ ...common, api: true })
  const url = api.url ?? ''
  const { jobId } = await accepted(url, 'deadly', { key: 'poison' }, hook.url)
  for (let attempt = 1; attempt <= 2; attempt++) {
    const worker = await Program.start({ ...common, work: { concurrency: 1 } })
    expect((await worker.reported('start', 'poison')).attempt).toBe(attempt)
    expect(await worker.ended()).toBeNull()
  }
  await Program.start({ ...common, work: { concurrency: 1 } })
  const received = await until(() => hook.received[0], 'the webhook comes')
  const ended = await status(url, jobId)
  expect(ended).toMatchObject({ status: 'failed', attempt: 2, error: { code: 'lease-lost', retryable: false } })
  expect(received).toMatchObject({ id: `msg_${jobId}`, type: 'job.failed', valid: true })
  expect(received.data).toEqual(
    expect.objectContaining({ version: ended.version, status: 'failed', error: ended.error }),
  )
  const jobs = createJobs({ jobs: {}, store: sqlite(file), log: silentLog })
  finally_(() => jobs.close())
  expect((await jobs.attempts(jobId, { owner: allOwners })).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'lease-lost'],
    [2, 'lease-lost'],
  ])
})
