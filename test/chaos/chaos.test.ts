import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { endAll, folder, secret, seeded } from '../crash/support.ts'
import { until } from '../until.ts'
import { Clients } from './clients.ts'
import { type Fault, faults } from './faults.ts'
import { Fleet } from './fleet.ts'
import { Ledger } from './ledger.ts'
import { verifyProducts } from './products.ts'
import { setUp, watchRows } from './setup.ts'
import { verify } from './verification.ts'

afterEach(endAll)

const jobs = Number(process.env.CHAOS_JOBS ?? 300)
/** Each of the eighteen kinds occurs once before any repeats. */
const events = Number(process.env.CHAOS_EVENTS ?? Math.max(14, Math.round(jobs / 250)))
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000)
const clientsAtOnce = Number(process.env.CHAOS_CLIENTS ?? 24)
/** Limits the open jobs, so that faults hit jobs in progress and not a backlog. */
const mostUnderWay = 4 * clientsAtOnce

test(
  `loses none of ${jobs} jobs through ${events} faults, ends each once, completes each stream and delivers each webhook`,
  async () => {
    console.log(`CHAOS_JOBS=${jobs} CHAOS_EVENTS=${events} CHAOS_SEED=${seed}`)
    const began = performance.now()
    const age = () => Math.round((performance.now() - began) / 1_000)
    // A separate random sequence for the faults, so that the number of requests does not change them.
    const [faultRandom, clientRandom] = [seeded(seed), seeded(seed + 1)]
    const setup = await setUp()
    const files = folder()
    const ledger = new Ledger()
    const { wrong } = ledger
    const hook = await ledger.receive(() => fleet.urls())
    const fleet = new Fleet(setup, { secret, allowHosts: [hook.host], lease: 2_000, files })
    await fleet.ready()
    await watchRows(setup)

    const clients = new Clients(fleet, ledger, hook.url, clientRandom)
    const following: Promise<void>[] = []
    let accepted = 0
    async function client(): Promise<void> {
      while (ledger.requests.length < jobs) {
        await until(() => ledger.requests.length - ledger.ends.size < mostUnderWay, 'there is room', {
          ms: 180_000,
          more: () => fleet.output(),
        })
        if (ledger.requests.length >= jobs) return
        const request = clients.make()
        const seen = await clients.send(request)
        accepted++
        if (accepted % 2_000 === 0) console.log(`${accepted} accepted, ${ledger.ends.size} ended, ${age()} s`)
        if (request.follows) following.push(clients.follow(seen))
        if (request.cancels) await clients.cancel(seen.jobId)
        // Like a client that did not receive the response.
        if (clientRandom() < 0.1) await clients.send(request)
        await pause(clientRandom() * 40)
      }
    }

    const done: Record<string, number> = {}
    const underWay = new Map<string, Promise<void>>()
    async function inject(fault: Fault): Promise<void> {
      // A second fault would hit a target that is already down.
      await underWay.get(fault.target)
      const acting = fault.act().finally(() => underWay.delete(fault.target))
      // Awaited before the next fault of this target, or at the end.
      acting.catch(() => {})
      underWay.set(fault.target, acting)
      done[fault.name] = (done[fault.name] ?? 0) + 1
    }

    const working = Promise.all(Array.from({ length: clientsAtOnce }, client))
    working.catch(() => {})
    const supervisor = setInterval(() => fleet.mind(), 100)
    try {
      const next = faults(setup, fleet, faultRandom)
      for (let n = 1; n <= events; n++) {
        const share = Math.floor((jobs * n) / (events + 1))
        const enough = () => accepted >= share && underWay.size < 2
        await Promise.race([until(enough, 'it is time for the next fault', { ms: 180_000 }), working])
        await pause(faultRandom() * 300)
        await inject(next.next().value)
      }
      await Promise.all(underWay.values())
      await working
    } finally {
      clearInterval(supervisor)
    }
    await fleet.ready()
    await fleet.rollOut()

    const left = async () => {
      const open =
        'SELECT id, queue, status, version, attempt, last_error, run_at FROM uketsuke.jobs WHERE completed_at IS NULL'
      return (await setup.postgres.query(open)).rows
    }
    const streams = ['jobs', 'deliveries'].flatMap((queue) => [`uketsuke:${queue}:high`, `uketsuke:${queue}:normal`])
    const entries = async () => {
      const lengths = await Promise.all(streams.map((key) => setup.redis.command('XLEN', key)))
      return lengths.reduce((sum: number, length) => sum + Number(length), 0)
    }
    const drained = async (what: () => Promise<unknown>, name: string) => {
      try {
        await until(what, name, { ms: 60_000 })
      } catch (error) {
        wrong.push(`${error}`)
      }
    }
    await drained(async () => (await left()).length === 0, 'every job and every webhook ends')
    for (const row of (await left()).slice(0, 5)) wrong.push(`has not ended: ${JSON.stringify(row)}`)
    await drained(async () => (await entries()) === 0, 'nothing is left in Redis')
    const { streams: followed } = ledger
    const reached = () => followed.ended + wrong.length >= followed.clients
    await until(reached, 'the streams end', { ms: 20_000 }).catch(() => {})
    clients.leave()
    await Promise.all(following)

    // The processes finish their work before the verification.
    for (const one of fleet.all()) one.terminate()
    for (const one of fleet.all()) expect(await one.ended()).toBe(0)
    wrong.push(...fleet.wrong)
    const verification = await verify(setup, ledger)
    const products = await verifyProducts(setup, ledger, files)
    const sent = ledger.requests.reduce((sum, request) => sum + request.sent, 0)
    console.log(
      `chaos: ${events} faults (seed ${seed}: ${Object.entries(done)
        .map(([name, times]) => `${name} ${times}`)
        .join(', ')}), ${fleet.kills} processes killed, ${fleet.starts} starts; ${accepted} requests accepted ` +
        `(${sent} sent, ${ledger.lostAnswers} answers lost) = ${verification.jobs} jobs ${JSON.stringify(verification.outcomes)}; ` +
        `${fleet.runs} runs reported, attempts per job p50 ${verification.attempts.p50} max ${verification.attempts.max}; ` +
        `${verification.webhooks} webhooks, ${verification.webhooks - ledger.hooks.size} of them again; ` +
        `${followed.clients} event streams over ${followed.connections} connections with ${followed.events} events, ` +
        `${followed.ended} reached the end; ${products} jobs with steps, live output and files; ${age()} s; ${wrong.length} lost, doubled or otherwise wrong`,
    )
    expect(wrong.slice(0, 20)).toEqual([])
    expect(verification.jobs).toBe(jobs)
    expect(products).toBeGreaterThan(jobs / 10)
    expect(followed.ended).toBe(followed.clients)
  },
  120_000 + jobs * 100,
)
