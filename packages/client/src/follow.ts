import { RequestError } from './errors.ts'
import { readEvents, StreamStalled } from './event-stream.ts'
import type { JobView } from './job.ts'
import { jsonOf, retryAfterOf, type Send } from './requests.ts'
import { shareBetweenTabs } from './tabs.ts'

/** Gets each newer state of a job, up to the terminal one, or the error that ended the following. */
export interface Listener {
  onJob(job: JobView): void
  onError(error: unknown): void
}

/** Follows a job until its end. Returns a function that stops it. */
export type Follow = (jobId: string, listener: Listener, known?: JobView) => () => void

interface Topic {
  readonly id: string
  readonly listeners: Set<Listener>
  job: JobView | undefined
  /** When to ask for the state, in milliseconds since the epoch. Infinite while a stream covers the job. */
  due: number
  /** Failed requests in a row. */
  failures: number
}

/** The server takes this many jobs on one stream. The others are polled. */
const mostInStream = 100
/** How long a stream may take to say something about a job before the job is polled. Milliseconds. */
const graceMs = 3_000
/** How long another tab may be silent before this one follows by itself. Milliseconds. */
const silenceMs = 35_000
/** When to try a stream again that a proxy blocks or that the server does not offer. Milliseconds. */
const blockedMs = 60_000
/** How long a long-poll waits, in seconds. */
const longPoll = 25
/** Requests in a row that may fail with something other than a network error or an overloaded server. */
const mostOddResponses = 5

/**
 * Follows any number of jobs on one event stream. What the stream does not cover is polled: while it is not open, where a proxy blocks
 * or buffers it, and jobs that it leaves out.
 */
export function createFollow(send: Send, share: string | null): Follow {
  const topics = new Map<string, Topic>()
  let streaming = false
  let failures = 0
  /** When the stream last said something. */
  let heardAt = 0
  /** Ends the wait for the next stream, or the stream that lacks a new job. */
  let restart: () => void = () => {}
  let restartTimer: ReturnType<typeof setTimeout> | undefined
  let blockedUntil = 0
  let pollTimer: ReturnType<typeof setTimeout> | undefined
  let polling = false
  /** Ends a long-poll, which would hold up the polls of other jobs. */
  let endLongPoll: () => void = () => {}

  const tabs =
    share === null
      ? null
      : shareBetweenTabs(share, {
          ids: () => [...topics.keys()],
          onJob(job) {
            received(job)
            cover(topics.get(job.jobId), Date.now() + silenceMs)
          },
          onAlive() {
            for (const topic of topics.values()) if (topic.job) cover(topic, Date.now() + silenceMs)
          },
          onLead: () => void stream(),
          onIds(ids) {
            for (const id of ids) {
              const job = topics.get(id)?.job
              if (job) tabs?.tell(job)
              else follow(id, { onJob() {}, onError() {} })
            }
          },
        })

  function follow(id: string, listener: Listener, known?: JobView): () => void {
    let topic = topics.get(id)
    if (topic === undefined) {
      topic = {
        id,
        listeners: new Set(),
        job: known,
        due: Date.now() + (Date.now() < blockedUntil ? 0 : graceMs),
        failures: 0,
      }
      if (topics.size === 0) listen(globalThis.addEventListener)
      topics.set(id, topic)
      endLongPoll()
      tabs?.want(id)
      // Jobs that are followed at the same time share one restart.
      if (streaming) {
        clearTimeout(restartTimer)
        restartTimer = setTimeout(() => restart(), 20)
      } else void stream()
    } else if (topic.job) {
      const { job } = topic
      queueMicrotask(() => topic?.listeners.has(listener) && listener.onJob(job))
    }
    topic.listeners.add(listener)
    schedulePoll()
    return () => {
      topic.listeners.delete(listener)
      if (topic.listeners.size === 0) drop(topic)
    }
  }

  function drop(topic: Topic): void {
    if (topics.get(topic.id) !== topic) return
    topics.delete(topic.id)
    endLongPoll()
    if (topics.size > 0) return
    listen(globalThis.removeEventListener)
    restart()
    clearTimeout(pollTimer)
  }

  function received(job: JobView): void {
    const topic = topics.get(job.jobId)
    if (topic === undefined) return
    topic.failures = 0
    if (topic.job && job.version <= topic.job.version) return
    topic.job = job
    if (job.completedAt !== null) drop(topic)
    tabs?.tell(job)
    for (const { onJob } of [...topic.listeners]) onJob(job)
  }

  function fail(topic: Topic, error: unknown): void {
    drop(topic)
    for (const { onError } of [...topic.listeners]) onError(error)
  }

  /** Keeps a stream open while jobs are followed. */
  async function stream(): Promise<void> {
    if (streaming || tabs?.leads === false) return
    streaming = true
    while (topics.size > 0) {
      const stop = new AbortController()
      restart = () => stop.abort()
      const wait = Date.now() < blockedUntil ? blockedUntil - Date.now() : await readOnce(stop.signal)
      uncover()
      if (!stop.signal.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, wait)
          restart = () => {
            clearTimeout(timer)
            resolve()
          }
        })
    }
    streaming = false
  }

  /** Reads one stream to its end. Resolves with the time to wait before the next, in milliseconds. */
  async function readOnce(signal: AbortSignal): Promise<number> {
    try {
      const onJob = (job: JobView) => {
        received(job)
        cover(topics.get(job.jobId), Number.POSITIVE_INFINITY)
      }
      const onBytes = () => {
        failures = 0
        heardAt = Date.now()
        tabs?.alive()
      }
      return await readEvents(send, [...topics.keys()].slice(0, mostInStream), { signal, onJob, onBytes })
    } catch (error) {
      if (signal.aborted) return 0
      if (isBlocked(error)) {
        blockedUntil = Date.now() + blockedMs
        for (const topic of topics.values()) topic.due = 0
        return blockedMs
      }
      return waitAfter(error, ++failures)
    }
  }

  /** Somebody tells the news of this job until then. */
  function cover(topic: Topic | undefined, until: number): void {
    if (topic) topic.due = until
    schedulePoll()
  }

  /** The stream is gone: its jobs are polled unless another one takes over soon. */
  function uncover(): void {
    for (const topic of topics.values()) topic.due = Math.min(topic.due, Date.now() + graceMs)
    schedulePoll()
  }

  function schedulePoll(): void {
    clearTimeout(pollTimer)
    const due = Math.min(...[...topics.values()].map((topic) => topic.due))
    if (!polling && due < Number.POSITIVE_INFINITY) pollTimer = setTimeout(() => void pollDue(), due - Date.now())
  }

  async function pollDue(): Promise<void> {
    polling = true
    for (const topic of topics.values()) if (topic.due <= Date.now()) await poll(topic)
    polling = false
    schedulePoll()
  }

  async function poll(topic: Topic): Promise<void> {
    const { id, job } = topic
    topic.due = Number.POSITIVE_INFINITY
    let next = 0
    try {
      // Only a job alone is long-polled: each long-poll takes one of the browser's six connections.
      const wait = topics.size === 1 && Date.now() < blockedUntil && job
      const headers: Record<string, string> = job ? { 'if-none-match': `W/"${job.version}"` } : {}
      if (wait) headers.prefer = `wait=${longPoll}`
      const stop = new AbortController()
      if (wait) endLongPoll = () => stop.abort()
      const response = await send('GET', `/${encodeURIComponent(id)}`, {
        headers,
        tries: 1,
        signal: stop.signal,
      }).finally(() => {
        endLongPoll = () => {}
      })
      if (response.status !== 304) received(await jsonOf<JobView>(response))
      topic.failures = 0
      next = wait ? 0 : (retryAfterOf(response) ?? 1) * 1_000
    } catch (error) {
      if ((error as Error).name === 'AbortError') {
        topic.due = 0
        return
      }
      const { status, code } = error as RequestError
      topic.failures++
      const isOdd = code === 'unexpected-response' && topic.failures >= mostOddResponses
      if (isOdd || (status >= 400 && status < 500 && status !== 429)) return fail(topic, error)
      next = waitAfter(error, topic.failures)
    }
    topic.due = Math.min(topic.due, Date.now() + next)
  }

  /** The network, the computer or the tab is back: try at once. */
  const wake = () => {
    if (typeof document === 'object' && document.visibilityState === 'hidden') return
    for (const topic of topics.values()) if (topic.due < Number.POSITIVE_INFINITY) topic.due = 0
    // A stream that is alive says something every 15 seconds.
    if (Date.now() - heardAt > 16_000) restart()
    schedulePoll()
  }

  function listen(change: typeof addEventListener | undefined): void {
    for (const name of ['online', 'visibilitychange']) change?.(name, wake)
  }

  return follow
}

/** Whether a stream is not to be had here: only other responses than that of an overloaded server say so. */
function isBlocked(error: unknown): boolean {
  if (error instanceof StreamStalled) return !error.opened
  return error instanceof RequestError && error.status > 0 && ![429, 502, 503, 504].includes(error.status)
}

/** Milliseconds to wait after this many failures in a row. */
function waitAfter(error: unknown, failures: number): number {
  const { retryAfter } = error as RequestError
  return retryAfter === undefined ? Math.min(15_000, 500 * 2 ** failures) * (0.5 + Math.random()) : retryAfter * 1_000
}
