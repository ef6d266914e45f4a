import type { BatchPart } from '../domain/batch.ts'
import { UketsukeError } from '../domain/errors.ts'
import {
  type Attempt,
  type Change,
  dueAt,
  inClaimOrder,
  inStartOrder,
  isExpired,
  isTerminal,
  type Job,
  type JobStatus,
  jobStatuses,
  type Queue,
} from '../domain/job.ts'
import { markTimes, mustYield } from '../domain/limits.ts'
import { claim, isHeldBy } from '../domain/rules.ts'
import type { Fragment } from './fragments.ts'
import { withValidIdentifiers } from './guarded.ts'
import { memoryRecords } from './memory-records.ts'
import {
  allOwners,
  type Front,
  type IdempotencyKey,
  type Insert,
  type Inserted,
  type LimitKey,
  type Owner,
  type StoreFactory,
} from './port.ts'
import { jobLogKind } from './records.ts'
import { longestInput } from './search-sql.ts'

/**
 * The reference store: the simplest implementation of the port, for tests and experiments. All jobs are lost when the
 * process ends. Each method runs without an `await`, which makes it atomic.
 */
export function memory(): StoreFactory {
  return (clock) => {
    const jobs = new Map<string, Job>()
    const ended: Attempt[] = []
    const keys = new Map<string, { jobId: string; key: IdempotencyKey }>()
    const uniqueKeys = new Map<string, string>()
    const values = new Map<string, string>()
    const keyStates = new Map<string, string>()
    let marks: (LimitKey & { at: number })[] = []
    const records = memoryRecords()
    /** By job id, then in the order of insertion. */
    const fragments = new Map<string, Fragment[]>()

    const all = () => [...jobs.values()]
    const seenBy = (owner: Owner, id: string) => {
      const job = jobs.get(id)
      return job !== undefined && (owner === allOwners || job.owner === owner) ? job : null
    }
    const waiting = (queue: Queue, types: readonly string[]) =>
      all().filter((job) => isReady(job) && job.queue === queue && types.includes(job.type))
    const mark = ({ type, limitKey }: Job, times: readonly number[]) => {
      if (limitKey !== null) for (const at of times) marks.push({ type, key: limitKey, at })
    }

    const created = ({ jobId, key }: { jobId: string; key: IdempotencyKey }) => ({
      job: jobs.get(jobId) ?? null,
      fingerprint: key.fingerprint,
    })
    const holder = (uniqueKey: string | undefined) => {
      const job = uniqueKey === undefined ? undefined : jobs.get(uniqueKeys.get(uniqueKey) ?? '')
      return job === undefined || isTerminal(job) ? null : job
    }
    const insert = ({ job, key, uniqueKey }: Insert): Inserted => {
      const taken = key && keys.get(scope(job.owner, key.route, key.key))
      if (taken) return { ...created(taken), created: false }
      const held = holder(uniqueKey)
      if (held === null && jobs.has(job.id)) throw new UketsukeError('internal-error', `Job ${job.id} already exists.`)
      if (key) keys.set(scope(job.owner, key.route, key.key), { jobId: held?.id ?? job.id, key })
      const fingerprint = key?.fingerprint ?? null
      if (held !== null) return { job: held, created: false, deduplicated: true, fingerprint }
      jobs.set(job.id, job)
      mark(job, [job.runAt])
      if (uniqueKey !== undefined) uniqueKeys.set(uniqueKey, job.id)
      return { job, created: true, fingerprint }
    }
    const withdraw = (inserted: readonly Insert[], stored: readonly Inserted[]) => {
      for (const [i, { created, deduplicated }] of stored.entries()) {
        const { job, key, uniqueKey } = inserted[i]!
        if (created) jobs.delete(job.id)
        if (created && uniqueKey !== undefined) uniqueKeys.delete(uniqueKey)
        if (key && (created || deduplicated)) keys.delete(scope(job.owner, key.route, key.key))
      }
    }

    const replace = ({ before, after, spawn, attempt }: Change): boolean => {
      const stored = jobs.get(after.id)
      if (stored === undefined || stored.version !== before.version) return false
      jobs.set(after.id, { ...after, leaseUntil: later(stored.leaseUntil, after.leaseUntil) })
      mark(after, markTimes(before, after))
      for (const job of spawn) if (!jobs.has(job.id)) jobs.set(job.id, job)
      if (attempt !== null) ended.push(attempt)
      return true
    }

    const forget = (gone: (job: Job) => boolean) => {
      for (const job of all()) {
        if (!gone(job)) continue
        jobs.delete(job.id)
        fragments.delete(job.id)
        void records.remove(jobLogKind, allOwners, job.id)
      }
      for (const [key, id] of uniqueKeys) if (!jobs.has(id)) uniqueKeys.delete(key)
      for (let i = ended.length - 1; i >= 0; i--) if (!jobs.has(ended[i]!.jobId)) ended.splice(i, 1)
    }
    const owesDelivery = (id: string) => all().some((job) => job.parent === id && !isTerminal(job))

    return withValidIdentifiers({
      description: { engine: 'memory', durability: 'in memory only: accepted jobs are lost when the process ends' },
      defaultFiles: 'memory',
      migrate: async () => {},
      insert: async (inserts) => {
        const stored: Inserted[] = []
        const marked = [...marks]
        try {
          for (const one of inserts) stored.push(insert(one))
          return stored
        } catch (error) {
          withdraw(inserts, stored)
          marks = marked
          throw error
        }
      },
      claim: async ({ queue, types, limit, worker, leaseMs, priority }) => {
        const now = clock.now()
        return waiting(queue, types)
          .filter((job) => (priority ?? job.priority) === job.priority)
          .sort(inClaimOrder)
          .map((before) => ({ before, after: claim(before, now, { worker, leaseMs }) }))
          .filter((step): step is { before: Job; after: Job } => step.after !== null)
          .slice(0, limit)
          .filter(({ before, after }) => replace({ before, after, spawn: [], attempt: null }))
          .map(({ after }) => after)
          .sort(inStartOrder)
      },
      replace: async (changes) => changes.map(replace),
      renew: async (leases, leaseMs) =>
        leases.map((lease) => {
          const job = jobs.get(lease.id)
          if (job === undefined || !isHeldBy(lease, job)) return null
          jobs.set(job.id, { ...job, leaseUntil: clock.now() + leaseMs })
          return job.version
        }),
      expiredLeases: async (limit) =>
        all()
          .filter((job) => job.leaseUntil !== null && job.leaseUntil <= clock.now())
          .sort((a, b) => a.leaseUntil! - b.leaseUntil!)
          .slice(0, limit),
      unclaimed: async (waited) => {
        const now = clock.now()
        const running = all().filter((job) => job.status === 'running' && (job.leaseUntil ?? 0) > now)
        const due = all().filter((job) => job.queue === 'jobs' && isReady(job) && job.runAt <= now - waited)
        const oldest = new Map<string, number>()
        for (const { type, runAt } of due) oldest.set(type, Math.min(runAt, oldest.get(type) ?? runAt))
        return [...oldest]
          .filter(([type]) => !running.some((job) => job.type === type))
          .map(([type, runAt]) => ({ type, waited: now - runAt }))
          .sort((a, b) => b.waited - a.waited)
      },
      nextDue: async (queue, types) =>
        waiting(queue, types).reduce<number | null>((at, { rank }) => {
          const due = dueAt(rank ?? 0)
          return Math.min(at ?? due, due)
        }, null),
      get: async (owner, ids) => ids.map((id) => seenBy(owner, id)),
      newer: async (known) =>
        known.flatMap(({ id, version }) => {
          const job = jobs.get(id)
          return job !== undefined && job.version > version ? [job] : []
        }),
      list: async ({ owner, status, type, limit, before }) =>
        all()
          .filter((job) => job.queue === 'jobs' && seenBy(owner, job.id) !== null)
          .filter((job) => (status?.includes(job.status) ?? true) && (type ?? job.type) === job.type)
          .filter((job) => before === undefined || job.id < before)
          .sort((a, b) => (a.id < b.id ? 1 : -1))
          .slice(0, limit)
          .map((job) => ({ ...job, input: '', output: null })),
      search: async ({
        queue,
        owner,
        type,
        status,
        above = '',
        below,
        oldestFirst = false,
        limit,
        examine,
        inputs,
      }) => {
        const examined = all()
          .filter((job) => job.queue === queue && job.id > above && (below === undefined || job.id < below))
          .sort((a, b) => (a.id < b.id === oldestFirst ? -1 : 1))
        const jobs = examined
          .slice(0, examine)
          .filter((job) => (owner ?? job.owner) === job.owner && (type ?? job.type) === job.type)
          .filter((job) => (status ?? job.status) === job.status)
          .slice(0, limit)
          .map((job) => ({ ...job, output: null, input: inputs && job.input.length <= longestInput ? job.input : '' }))
        const last = jobs.length === limit ? jobs.at(-1) : examined[examine - 1]
        return { jobs, last: last === undefined || last === examined.at(-1) ? null : last.id }
      },
      deliveries: async (owner, parent) =>
        all()
          .filter((job) => job.parent === parent && seenBy(owner, job.id) !== null)
          .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)),
      failedDeliveries: async (owner, since, after, limit) =>
        all()
          .filter((job) => job.queue === 'deliveries' && job.status === 'failed' && seenBy(owner, job.id) !== null)
          .filter((job) => job.completedAt! >= since && job.id > (after ?? ''))
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .slice(0, limit),
      attempts: async (owner, id) =>
        seenBy(owner, id) === null ? [] : ended.filter((attempt) => attempt.jobId === id),
      position: async ({ id }) => {
        const job = jobs.get(id)
        const isDue = (one: Job) => isReady(one) && dueAt(one.rank ?? 0) <= clock.now()
        if (job === undefined || !isDue(job)) return null
        const due = all().filter((one) => isDue(one) && one.queue === job.queue)
        return due.sort(inClaimOrder).indexOf(job) + 1
      },
      remove: async (owner, id) => {
        const job = seenBy(owner, id)
        if (job === null || !isTerminal(job)) return false
        forget((one) => one.id === id || one.parent === id)
        return true
      },
      prune: async (limit) => {
        const now = clock.now()
        const gone = all()
          .filter((job) => isExpired(job, now) && !owesDelivery(job.id))
          .sort((a, b) => a.expiresAt! - b.expiresAt!)
          .slice(0, limit)
        forget((job) => gone.includes(job))
        for (const [scope, { key }] of keys) if (key.expiresAt <= now) keys.delete(scope)
        return gone.length
      },
      indexEnded: async () => {},
      pruneType: async (type, kept, limit) => {
        const gone = all()
          .filter((job) => job.queue === 'jobs' && job.type === type && isTerminal(job))
          .sort((a, b) => (a.id < b.id ? 1 : -1))
          .slice(kept)
          .filter((job) => !owesDelivery(job.id))
          .slice(-limit)
        forget((job) => gone.includes(job))
        return gone.length
      },
      keysWithRoom: async (types, limit) => {
        const now = clock.now()
        const keys = new Map<string, LimitKey>()
        for (const { type, key, at } of marks) if (at <= now && types.includes(type)) keys.set(key, { type, key })
        return [...keys.values()].slice(0, limit)
      },
      admit: async (keys, rule) => {
        const now = clock.now()
        return keys.flatMap(({ type, key }) => {
          marks = marks.filter((one) => one.key !== key || one.at > now)
          const mine = all().filter((job) => job.limitKey === key)
          const state = keyStates.get(key) ?? null
          const running = mine.filter(({ status }) => status === 'running').length
          const due = mine.filter((job) => job.parked && dueAt(job.rank ?? 0) <= now).sort(inClaimOrder)
          const ready = mine.filter(isReady).sort(inClaimOrder)
          const withdrawn = mustYield(ready.at(-1) ?? null, due[0] ?? null) ? ready.splice(0) : []
          for (const job of withdrawn) jobs.set(job.id, { ...job, parked: true })
          const facts = { state, ready: ready.length, withdrawn: withdrawn.length, running }
          const step = rule(type, facts, now)
          const admitted = [...due, ...withdrawn]
            .filter(({ rank }) => dueAt(rank ?? 0) <= now)
            .sort(inClaimOrder)
            .slice(0, step.room)
            .map((job) => ({ ...job, parked: false }))
          for (const job of admitted) jobs.set(job.id, job)
          const after = step.after(admitted.length)
          if (after.state === null) keyStates.delete(key)
          else keyStates.set(key, after.state)
          if (after.again !== null) marks.push({ type, key, at: after.again })
          return admitted
        })
      },
      markKeys: async (types) => {
        const now = clock.now()
        for (const job of all())
          if (job.parked && types.includes(job.type)) mark(job, [job.runAt <= now ? 0 : job.runAt])
      },
      batch: async (owner, id) =>
        jobStatuses.flatMap((status): BatchPart[] => {
          const mine = all().filter(
            (job) => job.batch === id && job.status === status && seenBy(owner, job.id) !== null,
          )
          if (mine.length === 0) return []
          const sum = (of: (job: Job) => number) => mine.reduce((total, job) => total + of(job), 0)
          const completedAt = Math.max(...mine.map((job) => job.completedAt ?? 0))
          return [
            {
              status,
              count: mine.length,
              versions: sum(({ version }) => version),
              progress: sum(({ progress }) => progress),
              createdAt: Math.min(...mine.map(({ createdAt }) => createdAt)),
              completedAt: completedAt === 0 ? null : completedAt,
            },
          ]
        }),
      fronts: async () => {
        const now = clock.now()
        const fronts = new Map<string, Front>()
        const due = all().filter(
          (job) => job.queue === 'jobs' && job.status === 'pending' && dueAt(job.rank ?? 0) <= now,
        )
        for (const { type, priority, rank } of due.sort(inClaimOrder).reverse())
          fronts.set(`${priority} ${type}`, { type, priority, rank: rank ?? 0 })
        return [...fronts.values()]
      },
      addFragments: async (added) =>
        added.map(({ lease, kind, key, value }) => {
          const job = jobs.get(lease.id)
          if (job === undefined || (lease.worker !== null && !isHeldBy(lease, job))) return false
          const present = fragments.get(lease.id) ?? []
          const exists = present.some((one) => one.kind === kind && one.key === key)
          if (!exists) fragments.set(lease.id, [...present, { kind, key, value }])
          return true
        }),
      fragments: async ({ owner, jobId, kind, after, descending, limit }) =>
        (seenBy(owner, jobId) === null ? [] : (fragments.get(jobId) ?? []))
          .filter((one) => one.kind === kind && one.key > (after ?? ''))
          .sort((a, b) => (a.key < b.key === (descending === true) ? 1 : -1))
          .slice(0, limit),
      stats: async () => {
        const none = (): Record<JobStatus, number> => ({
          pending: 0,
          running: 0,
          completed: 0,
          failed: 0,
          cancelled: 0,
        })
        const counts = { jobs: none(), deliveries: none() }
        for (const job of jobs.values()) counts[job.queue][job.status]++
        return counts
      },
      countFailed: async (most) =>
        all()
          .filter((job) => job.status === 'failed')
          .slice(0, most)
          .filter((job) => job.queue === 'jobs').length,
      unfinished: async (most = Number.POSITIVE_INFINITY) => {
        const now = clock.now()
        const counts = new Map<string, { type: string; pending: number; running: number; oldest: number | null }>()
        for (const { queue, type, status, runAt, completedAt, parked } of jobs.values()) {
          if (queue !== 'jobs' || completedAt !== null) continue
          const one = counts.get(type) ?? { type, pending: 0, running: 0, oldest: null }
          counts.set(type, one)
          if (one[status as 'pending' | 'running'] < most) one[status as 'pending' | 'running']++
          if (status === 'pending' && !parked && runAt <= now) one.oldest = Math.min(runAt, one.oldest ?? runAt)
        }
        return [...counts.values()].sort((a, b) => (a.type < b.type ? -1 : 1))
      },
      shared: async (name, initial) => {
        if (!values.has(name)) values.set(name, initial)
        return values.get(name)!
      },
      keyed: async (owner, route, key) => {
        const taken = keys.get(scope(owner, route, key))
        return taken === undefined ? null : created(taken)
      },
      holder: async (uniqueKey) => holder(uniqueKey),
      indexWaiting: async () => {},
      countWaiting: async (owner, most) =>
        Math.min(most, all().filter((job) => isWaiting(job) && job.owner === owner).length),
      records,
      onForeignCommit: () => () => {},
      close: async () => {},
    })
  }
}

const isReady = (job: Job) => job.status === 'pending' && !job.parked
const isWaiting = (job: Job) => job.queue === 'jobs' && job.status === 'pending'
const scope = (owner: string, route: string, key: string) => JSON.stringify([owner, route, key])

/**
 * A renewal does not change the version, so a swap may have been based on an older lease. The later lease wins while
 * the job runs.
 */
const later = (stored: number | null, asked: number | null) => (asked === null ? null : Math.max(stored ?? 0, asked))
