import { acceptor } from '../accept/accept.ts'
import { manyAcceptor } from '../accept/many.ts'
import { type Clock, sleep, systemClock } from '../base/clock.ts'
import { ulids } from '../base/ids.ts'
import { defaultLog, safeLog } from '../base/log.ts'
import { version } from '../base/version.ts'
import { type JobTypes, runnable } from '../definition/define.ts'
import { Lookout } from '../dispatch/no-worker-warning.ts'
import { deliveryType } from '../domain/change.ts'
import { UketsukeError } from '../domain/errors.ts'
import { placeOf } from '../http/base-path.ts'
import { openFront } from '../http/entry-points.ts'
import { destinations } from '../notify/destinations.ts'
import { Watch } from '../notify/watch.ts'
import { webhookDelivery } from '../notify/webhook.ts'
import { poster } from '../notify/webhook-client.ts'
import { type Desk, openDesk } from '../service.ts'
import { groupCommit } from '../store/batch-queue.ts'
import type { Store } from '../store/port.ts'
import { transitions } from '../store/transition.ts'
import { type Relay, storeRelay } from '../transport/port.ts'
import { staff } from '../work/workers.ts'
import { library } from './library.ts'
import { checkOptions, type JobsOptions, numbersOf } from './options.ts'

/** How long what is under way may take to end once the workers have stopped, in milliseconds. */
const closeWithin = 1_500

/**
 * Wires the five parts together: accept → store → dispatch → work → notify. Nothing is opened before `ready()`, which every verb
 * waits for.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function createJobs<Types extends JobTypes>(options: JobsOptions<Types>) {
  checkOptions(options)
  const { webhooks } = options
  const { lease, limits, maxBodyBytes } = numbersOf(options)
  const log = safeLog(options.log ?? defaultLog())
  const { base, prefixes, here } = placeOf(options)
  const types = new Map(Object.entries(options.jobs))
  const allowed = webhooks
    ? destinations(webhooks.allowHosts ?? [])
    : { refuse: () => 'This server sends no webhooks.' }

  const own = options.clock ?? systemClock
  const opened = options.store(own)
  // What is decided here about a job is decided by the clock that the store decides by.
  const clock: Clock = {
    now: () => opened.now?.() ?? own.now(),
    after: (ms, fn, how) => own.after(ms, fn, how),
  }
  const store = groupCommit(opened, { acceptTimeout: limits.acceptTimeout })
  const relay = (options.dispatch ?? storeRelay)({ store, clock, log })
  const { dispatch, signal } = relay
  const watch = new Watch(signal, async (owner, id) => (await store.get(owner, [id]))[0] ?? null, {
    clock,
    log,
    get: (owner, ids) => store.get(owner, ids),
  })
  const transition = transitions(store, ({ after, spawn }) => {
    signal.announce([after])
    const waiting = [after, spawn].filter((job) => job?.status === 'pending').filter((job) => job !== null)
    if (waiting.length > 0) dispatch.announce(waiting)
  })

  const ids = ulids(clock)
  const accepting = { store, dispatch, clock, types, destinations: allowed, limits, newId: ids }
  const draining = new AbortController()
  const lookout = new Lookout({ store, clock, log }, () => workers.worked())
  const ready = opening(store, relay, () => lookout.start())
  const desk = openDesk({
    base,
    prefixes,
    clock,
    log,
    types,
    store,
    transition,
    watch,
    acceptor: acceptor(accepting),
    acceptMany: manyAcceptor(accepting),
    newId: ids,
    ready,
    draining: draining.signal,
  })

  const { post, close: hangUp } = poster()
  const random = Math.random
  const delivery = (secrets: readonly string[], userAgent = `uketsuke/${version()}`) =>
    webhookDelivery({ store, clock, base, secrets, userAgent, destinations: allowed, post, random })
  const workers = staff({ store, dispatch, signal, transition, clock, log, leaseMs: lease }, ready, {
    jobs: new Map([...types].map(([name, type]) => [name, runnable(type, random)])),
    deliveries: new Map(webhooks ? [[deliveryType, delivery([webhooks.secret].flat(), webhooks.userAgent)]] : []),
  })

  const http = () => {
    if (options.authenticate) return { authenticate: options.authenticate, maxBodyBytes }
    throw new UketsukeError(
      'invalid-configuration',
      'createJobs() needs authenticate: who calls must be known before anything is served.',
    )
  }
  const front = openFront(desk, http)
  let closing: Promise<void> | null = null

  return {
    ...library<Types>(desk),
    /** Runs jobs in this process until `stop()`. Rejects as `ready()` does. */
    work: workers.work,
    /** Answers the jobs API: a `Request` whose path begins with `basePath`. Never rejects for what a client sends. */
    fetch: front.fetch,
    /** Answers the whole 202, or the problem, on a route of your own; the request says who, which key and how long to wait. */
    accept: front.accept as (request: Request, asked: AskedFor<Types>) => Promise<Response>,
    /** Opens the store. Rejects with `store-unusable`, or `temporarily-unavailable`, after which calling again tries again. */
    ready,
    /** Where requests arrive. */
    basePath: here,
    /** Where clients find the jobs API: an absolute URL with `publicUrl`, else a path. */
    url: base || '/',
    /** The logger that this program was given; adapters log with it what fails around them. */
    log,
    store: opened,
    /** For the operator: how the processes hear of each other. */
    dispatch: { description: relay.description },
    /** Drains: nothing new is accepted, streams end and clients come back elsewhere, workers stop, the store closes. Idempotent. */
    close(): Promise<void> {
      closing ??= (async () => {
        draining.abort()
        lookout.stop()
        await workers.close()
        const closed = new AbortController()
        const rest = hangUp()
          .then(() => relay.close())
          .then(() => store.close())
        const late = sleep(own, closeWithin, closed.signal).then(() => true)
        const stuck = await Promise.race([rest.then(() => false), late])
        closed.abort()
        if (!stuck) return
        log.error({}, 'the store did not answer while this program closed; what was under way may still be stored')
        rest.catch(() => {})
        await opened.close()
      })()
      return closing
    },
  }
}

export type Jobs<Types extends JobTypes = JobTypes> = ReturnType<typeof createJobs<Types>>

/** What a route of your own asks for. */
export interface AskedFor<Types extends JobTypes> {
  type: keyof Types & string
  /** As it came: it is validated here. */
  input: unknown
  priority?: unknown
  webhookUrl?: unknown
  delay?: unknown
  runAt?: unknown
  metadata?: unknown
}

/** Opens the store and what lies between the processes, once; an attempt that failed is not remembered. */
function opening(store: Store, relay: Relay, opened: () => void): Desk['ready'] {
  let open: Promise<void> | null = null
  return () => {
    open ??= store
      .migrate()
      .then(() => relay.start())
      .then(opened)
      .catch((error: unknown) => {
        open = null
        throw error
      })
    return open
  }
}
