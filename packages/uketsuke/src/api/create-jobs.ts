import { acceptor } from '../accept/accept.ts'
import { FairRanks } from '../accept/fair-ranks.ts'
import { manyAcceptor } from '../accept/many.ts'
import { ApiKeys, withApiKeys } from '../auth/api-keys.ts'
import { type Clock, sleep, systemClock } from '../base/clock.ts'
import { ulids } from '../base/ids.ts'
import { defaultLog, guardLog } from '../base/log.ts'
import { dashboardHandler } from '../dashboard/handler.ts'
import { type JobTypes, runnable } from '../definition/define.ts'
import { Admission } from '../dispatch/admission.ts'
import { NoWorkerWarning } from '../dispatch/no-worker-warning.ts'
import { UketsukeError } from '../domain/errors.ts'
import { fileStorage } from '../files/default.ts'
import { resolveBasePath } from '../http/base-path.ts'
import { createEntryPoints } from '../http/entry-points.ts'
import { managementHandler } from '../http/management.ts'
import { mcpHandler } from '../mcp/handler.ts'
import { JobMetrics } from '../metrics/job-metrics.ts'
import { timed } from '../metrics/timed-store.ts'
import { OwnerWatch } from '../notify/owner-watch.ts'
import { secretFor } from '../notify/secret.ts'
import { Watch } from '../notify/watch.ts'
import type { SendWebhook } from '../notify/webhook-client.ts'
import { OutputFeed } from '../output/feed.ts'
import { TokenBuckets } from '../quota/token-bucket.ts'
import { WaitingJobs } from '../quota/waiting-jobs.ts'
import { Schedules } from '../schedule/schedules.ts'
import { Ticker } from '../schedule/ticker.ts'
import { createJobService, type JobService } from '../service.ts'
import { Recorder } from '../statistics/recorder.ts'
import { RunTimes } from '../statistics/run-times.ts'
import { batched } from '../store/batch-queue.ts'
import type { Store } from '../store/port.ts'
import { transitions } from '../store/transition.ts'
import { OpenTelemetry } from '../tracing/open-telemetry.ts'
import { storeTransport } from '../transport/port.ts'
import { IsolatedRuns } from '../work/isolation/isolated-runs.ts'
import { JobLog } from '../work/job-log.ts'
import { createWorkers } from '../work/workers.ts'
import { weightsOf } from './fairness.ts'
import { healthCheck } from './health.ts'
import type { Jobs } from './jobs.ts'
import { library } from './library.ts'
import { checkOptions, type JobsOptions, numbersOf } from './options.ts'
import { pausing } from './pausing.ts'
import { scheduleVerbs } from './schedules.ts'
import { endpointVerbs } from './webhook-endpoints.ts'
import { webhookParts } from './webhooks.ts'

/** How long `close()` waits for the store and the transport after the workers have stopped, in milliseconds. */
const closeTimeout = 1_500

/**
 * Creates the job system of a program. This does no I/O: the store opens on `ready()` or on the first call of any other method.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function createJobs<Types extends JobTypes>(options: JobsOptions<Types>): Jobs<Types> {
  return createJobsWith(options, {})
}

/** The same with parts that tests replace. */
export function createJobsWith<Types extends JobTypes>(
  options: JobsOptions<Types>,
  { sendWebhook }: { sendWebhook?: SendWebhook },
): Jobs<Types> {
  checkOptions(options)
  const { lease, limits, maxBodyBytes, quotas } = numbersOf(options)
  const log = guardLog(options.log ?? defaultLog())
  const { base, prefixes, here } = resolveBasePath(options)
  const types = new Map(Object.entries(options.jobs))
  const own = options.clock ?? systemClock
  const opened = options.store(own)
  // Use the store's clock where it has one, so that this process and the store agree on what is due.
  const clock: Clock = {
    now: () => opened.now?.() ?? own.now(),
    after: (ms, fn, how) => own.after(ms, fn, how),
  }
  const metrics: JobMetrics | null = options.metrics
    ? new JobMetrics({ store: opened, now: () => clock.now(), streams: () => front.openStreams() })
    : null
  const measured = metrics ? timed(opened, (...commit) => metrics.committed(...commit)) : opened
  const store = batched(measured, { acceptTimeout: limits.acceptTimeout })
  const transport = (options.dispatch ?? storeTransport)({ store, clock, log })
  const { dispatch, changes } = transport
  const admission = new Admission({
    store,
    dispatch,
    clock,
    log,
    limits: new Map([...types].map(([name, type]) => [name, type.limits])),
  })
  const listeners: (() => void)[] = []
  const statistics = new Recorder({ records: store.records, clock, log })
  const runTimes = new RunTimes({ records: store.records, clock, log })
  const jobLog = new JobLog({ records: store.records, clock, log })
  const watch = new Watch(changes, store.get, { clock, log, get: store.get })
  const ownerWatch = new OwnerWatch(changes, store, clock, log)
  const transition = transitions(
    store,
    (change) => {
      const { after, spawn } = change
      changes.announce([after])
      metrics?.changed(change)
      statistics.changed(change)
      runTimes.changed(change)
      for (const listener of listeners) listener()
      if (after.status === 'pending') admission.announce([after, ...spawn])
      else if (spawn.length > 0) dispatch.announce(spawn)
      // An attempt has ended: its key has room.
      if (after.limitKey !== null && after.status !== 'running') admission.wake([after])
    },
    (owner) => webhooks.endpoints?.subscribers(owner) ?? [],
  )

  const maxKept = new Map([...types].flatMap(([name, { maxKept }]) => (maxKept === undefined ? [] : [[name, maxKept]])))
  const tracing = options.tracing ? new OpenTelemetry() : null
  const ids = ulids(clock)
  const waitingJobs = quotas.waitingJobs === null ? null : new WaitingJobs(quotas.waitingJobs, store, clock)
  const draining = new AbortController()
  const noWorkerWarning = new NoWorkerWarning({ store, clock, log }, () => workers.worked())
  const prepare = async () => {
    if (waitingJobs !== null) await store.indexWaiting()
    if (maxKept.size > 0) await store.indexEnded()
    await tracing?.load()
    await transport.start()
    noWorkerWarning.start()
    if (options.schedules !== undefined) await schedules.declare(options.schedules)
  }
  const ready = opening(store, prepare)
  const requests = quotas.requests ? new TokenBuckets(quotas.requests, store.records, clock, ready) : undefined
  const webhooks = webhookParts(options.webhooks, { store, clock, base, newId: ids, ready, tracing, sendWebhook })
  const { destinations, endpoints, goneUrls } = webhooks
  const ranks = new FairRanks({ store, clock, weightOf: weightsOf(options.fairness?.weights) })
  const accepting = { store, ranks, admission, transition, clock, types, destinations, limits, newId: ids, waitingJobs }
  const accept = acceptor(accepting)
  const files = fileStorage(options.files, opened)
  const outputFeed = new OutputFeed(clock)
  const service = createJobService({
    files,
    outputFeed,
    estimate: (job) => runTimes.estimate(job),
    endpoints,
    goneUrls,
    base,
    prefixes,
    clock,
    log,
    types,
    store,
    transition,
    watch,
    ownerWatch,
    acceptor: accept,
    acceptMany: manyAcceptor(accepting),
    newId: ids,
    tracing,
    ready,
    draining: draining.signal,
  })

  const schedules = new Schedules({
    records: store.records,
    clock,
    ready,
    check: accept.check,
    accept: service.accept,
    changed: () => ticker.wake(),
  })
  const knows = (type: string) => types.has(type)
  const ticker = new Ticker({ schedules, accept: service.accept, clock, log, knows })

  const verbs = library<Types>(service)
  const isolated = new IsolatedRuns(own)
  const workers = createWorkers(
    {
      store,
      dispatch,
      changes,
      transition,
      clock,
      log,
      leaseMs: lease,
      outputBytes: limits.outputBytes,
      enqueue: verbs.enqueue,
      ticker,
      admission,
      jobLog,
      files,
      outputFeed,
      chunkBytes: limits.chunkBytes,
      streamBytes: limits.streamBytes,
      tracing,
      maxKept,
      claimed(jobs) {
        metrics?.claimed(jobs)
        statistics.claimed(jobs)
        admission.claimed(jobs)
      },
    },
    ready,
    {
      jobs: new Map(
        [...types].map(([name, type]) => [name, runnable(type, Math.random, (isolation) => isolated.of(isolation))]),
      ),
      deliveries: webhooks.deliveries,
    },
  )

  const apiKeys = new ApiKeys(store.records, clock, ready)
  const { authenticate, isRevoked } = options.apiKeys ? withApiKeys(apiKeys, options) : options
  const http = {
    authenticate,
    isRevoked,
    maxBodyBytes,
    requests,
    apiKeys: options.apiKeys === true,
    docs: options.docs,
  }
  const front = createEntryPoints(service, http, quotas.streams, isRevoked)
  let closing: Promise<void> | null = null
  const health = healthCheck({ store, ready, clock: own, draining: draining.signal })

  return {
    ...verbs,
    health,
    async metrics() {
      if (metrics !== null) return ready().then(() => metrics.text())
      throw new UketsukeError('invalid-configuration', 'metrics() requires createJobs({ metrics: true }).')
    },
    dashboard: (options) =>
      dashboardHandler(
        {
          service,
          store,
          schedules,
          onChange: (fn) => void listeners.push(fn),
        },
        options,
      ),
    management: managementHandler({ health, log, metrics: metrics && (() => ready().then(() => metrics.text())) }),
    webhookSecret: (owner) => secretFor(options.webhooks, owner),
    apiKeys: {
      create: (key) => apiKeys.create(key),
      list: (scope) => apiKeys.list(scope),
      revoke: (id) => apiKeys.revoke(id),
    },
    webhookEndpoints: endpointVerbs(service),
    schedules: scheduleVerbs(schedules, service),
    ...pausing(service, store.records),
    work: workers.work,
    fetch: front.fetch,
    accept: front.accept,
    mcp: (options) => front.serve((service, http) => mcpHandler(service, http, options)),
    ready,
    basePath: here,
    url: base || '/',
    log,
    store: { description: opened.description },
    dispatch: { description: transport.description },
    close(): Promise<void> {
      closing ??= (async () => {
        draining.abort()
        noWorkerWarning.stop()
        await workers.close()
        isolated.close()
        const closed = new AbortController()
        const rest = webhooks
          .close()
          .then(() => Promise.all([statistics.write(), runTimes.write(), jobLog.write(), admission.idle()]))
          .then(() => transport.close())
          .then(() => store.close())
        const timeout = sleep(own, closeTimeout, closed.signal).then(() => true)
        const timedOut = await Promise.race([rest.then(() => false), timeout])
        closed.abort()
        if (!timedOut) return
        log.error({}, 'timed out waiting for the store to close; pending writes may still be stored')
        rest.catch(() => {})
        await opened.close()
      })()
      return closing
    },
  }
}

/** Opens the store and what needs it once. After a failure, the next call tries again. */
function opening(store: Store, prepare: () => Promise<void>): JobService['ready'] {
  let open: Promise<void> | null = null
  return () => {
    open ??= store
      .migrate()
      .then(prepare)
      .catch((error: unknown) => {
        open = null
        throw error
      })
    return open
  }
}
