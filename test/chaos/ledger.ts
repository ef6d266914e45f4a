import { type Received, receiver, type Seen, status } from '../crash/support.ts'

/** One client's request, and what the client knows about it. */
export interface Request {
  readonly key: string
  readonly input: {
    key: string
    steps: number
    stepMs: number
    throws: number
    givesUp: boolean
    newer: boolean
    keeps: boolean
  }
  readonly cancels: boolean
  readonly follows: boolean
  jobId: string | null
  /** The number of times the request was sent. */
  sent: number
}

/** What the clients saw, and its contradictions. */
export class Ledger {
  readonly wrong: string[] = []
  readonly requests: Request[] = []
  /** The terminal state that clients saw for each job; there can be only one. */
  readonly ends = new Map<string, string>()
  readonly hooks = new Map<string, Received[]>()
  lostAnswers = 0
  /** Event streams: clients, connections, events, and clients that reached the end. */
  readonly streams = { clients: 0, connections: 0, events: 0, ended: 0 }

  saw(seen: Seen, by: string): void {
    if (seen.completedAt === null) return
    const end = JSON.stringify([seen.status, seen.version, seen.completedAt, seen.output, seen.error])
    const known = this.ends.get(seen.jobId) ?? end
    this.ends.set(seen.jobId, known)
    if (known !== end) this.wrong.push(`${seen.jobId} ended twice: ${known}, then (${by}) ${end}`)
  }

  /** Receives webhooks. A receiver that then reads the status sees that version or a later one, on either API. */
  async receive(urls: () => string[]): Promise<{ host: string; url: string }> {
    return receiver(
      () => Math.random() * 50,
      (received) => {
        const { data } = received
        this.hooks.set(data.jobId, [...(this.hooks.get(data.jobId) ?? []), received])
        this.saw(data, 'webhook')
        const [url] = urls()
        if (url === undefined) return
        // The process or its database may be down by then.
        status(url, data.jobId).then(
          (seen) => {
            this.saw(seen, 'status after the webhook')
            if (seen.version < data.version) this.wrong.push(`${seen.jobId}: the webhook was ahead of the status`)
          },
          () => {},
        )
      },
    )
  }
}
