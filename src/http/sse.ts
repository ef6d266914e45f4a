import type { Desk } from '../desk.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import type { Follower } from '../notify/watch.ts'
import { onDraining } from './drain.ts'
import { frame } from './frame.ts'

const heartbeat = 15_000
/** How long a connection may take nothing of what it was sent, in milliseconds. */
const stall = 30_000
const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

const utf8 = new TextEncoder()
const comment = utf8.encode(':\n\n')
const hello = utf8.encode('retry: 2000\n\n')

/** So that those whom one process sends away do not come back to the next as a herd. Milliseconds. */
const goodbye = (least = 1_000) => utf8.encode(`retry: ${Math.round(least + Math.random() * 4_000)}\n\n`)

/** An answer that makes EventSource come back later, at least `retryAfter` seconds from now. */
export function refuseSoftly(retryAfter = 1): Response {
  return new Response(goodbye(retryAfter * 1_000), { status: 200, headers })
}

/**
 * A job's states as an event stream, driven by its reader alone: nothing is asked of the follower before the reader has taken what
 * came before, and the follower keeps only the newest state meanwhile. `first` is what is known already and not yet told.
 */
export function eventStream(desk: Desk, follower: Follower, first: Job | null): Response {
  let controller: ReadableStreamDefaultController<Uint8Array>
  let began = false
  let ended = false
  let told = false
  /** A `next()` outlives the pull that asked for it where a heartbeat comes first. */
  let asking = false
  let arrived: Job | null | undefined = first ?? undefined
  let wake = () => {}
  let cancelStall = () => {}
  let forgetDraining = () => {}

  /** Everything this connection holds is let go here, whoever ended it. */
  function release(): boolean {
    if (ended) return false
    ended = true
    cancelStall()
    follower.close()
    forgetDraining()
    wake()
    return true
  }

  function end(last?: Uint8Array): void {
    if (!release()) return
    if (last !== undefined) controller.enqueue(last)
    controller.close()
  }

  function depart(): void {
    end(goodbye())
  }

  function drop(): void {
    if (release()) controller.error(new Error('the reader took nothing for too long'))
  }

  function say(chunk: Uint8Array): void {
    controller.enqueue(chunk)
    cancelStall = desk.clock.after(stall, drop)
  }

  function ask(): void {
    asking = true
    follower.next().then(
      (job) => {
        asking = false
        arrived = job
        wake()
      },
      (thrown: unknown) => {
        // The store will be back, and so will the client.
        desk.log.warn({ err: thrown }, 'a stream ended early')
        depart()
      },
    )
  }

  /** Until something arrives, this ends, or it is time for a sign of life. */
  async function pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancelBeat = desk.clock.after(heartbeat, resolve)
      wake = () => {
        cancelBeat()
        resolve()
      }
    })
    wake = () => {}
  }

  const source: UnderlyingDefaultSource<Uint8Array> = {
    start(own) {
      controller = own
      forgetDraining = onDraining(desk, depart)
      // A response that nobody reads must not hold its follower for ever.
      cancelStall = desk.clock.after(stall, drop)
    },
    async pull() {
      cancelStall()
      if (!began) {
        began = true
        return say(hello)
      }
      if (arrived === undefined && !asking) ask()
      if (arrived === undefined) await pause()
      if (ended) return
      if (arrived === undefined) return say(comment)
      const job = arrived
      arrived = undefined
      if (job === null) return end()
      const chunk = frame(desk, job, !told)
      told = true
      if (isTerminal(job)) return end(chunk)
      say(chunk)
    },
    cancel() {
      release()
    },
  }
  return new Response(new ReadableStream(source, { highWaterMark: 0 }), { status: 200, headers })
}
