import type { JobView } from './job.ts'

interface Tab {
  /** The jobs that this tab follows. */
  ids(): string[]
  /** The leading tab tells the state of a job. */
  onJob(job: JobView): void
  /** The leading tab has heard from the server. */
  onAlive(): void
  /** This tab leads now. */
  onLead(): void
  /** Another tab wants these jobs from this tab, which leads. */
  onIds(ids: string[]): void
}

interface Message {
  job?: JobView
  ids?: string[]
  alive?: true
  /** A new leader asks what the others follow. */
  lead?: true
}

/** How often the leading tab says that the server still talks to it, at most. Milliseconds. */
const aliveMs = 5_000

/**
 * One tab follows for all tabs of an origin: the one that holds a lock, which the browser hands on when that tab closes. The others
 * follow by themselves when it falls silent.
 */
export function shareBetweenTabs(name: string, tab: Tab) {
  const channel = new BroadcastChannel(name)
  const post = (message: Message) => channel.postMessage(message)
  let aliveAt = 0
  const shared = {
    leads: false,
    want: (id: string) => post({ ids: [id] }),
    tell: (job: JobView) => shared.leads && post({ job }),
    alive: () => {
      if (Date.now() - aliveAt < aliveMs) return
      aliveAt = Date.now()
      post({ alive: true })
    },
  }
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.job) tab.onJob(data.job)
    if (data.alive) tab.onAlive()
    if (data.lead) post({ ids: tab.ids() })
    if (data.ids && shared.leads) tab.onIds(data.ids)
  }
  void navigator.locks.request(name, () => {
    shared.leads = true
    post({ lead: true })
    tab.onLead()
    // Held until the tab closes.
    return new Promise(() => {})
  })
  return shared
}

/** Whether this is a page of a browser that can share. Node.js has the same globals, but no tabs. */
export const canShare = () =>
  typeof document === 'object' && typeof BroadcastChannel === 'function' && navigator.locks !== undefined
