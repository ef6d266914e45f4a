import type { JobEvent as AnyEvent, JobView } from 'uketsuke'

/** The types of the jobs API, for JSDoc. The browser does not load this file. */
export type Job = (
  | JobView<'generate-report', { pages: number; rows: number }>
  | JobView<'tell-weather', { words: number }>
  | JobView<'count-primes', { primes: number; below: number }>
) & {
  metadata?: { startDate: string; endDate: string }
}
export type JobEvent = Omit<AnyEvent, 'data'> & { data: Job }

export interface Problem {
  title: string
  detail: string
  errors?: { pointer: string; detail: string }[]
}

export interface Receipt {
  webhookId: string
  signature: 'valid'
  type: string
  version: number
  receivedAt: string
  times: number
}

export interface Demo {
  worker: { pid: number | null; startedAt: string | null; deaths: number }
  leaseMs: number
  /** The URL of the demo's webhook receiver. */
  receiver: string
}
