import type { Job } from './job.ts'

/** What the live output of a job type consists of. */
export type StreamMode = 'text' | 'json' | 'binary'

export const contentTypes: Readonly<Record<StreamMode, string>> = {
  text: 'text/plain; charset=utf-8',
  json: 'application/json',
  binary: 'application/octet-stream',
}

export const isStreamMode = (mode: unknown): mode is StreamMode =>
  typeof mode === 'string' && Object.hasOwn(contentTypes, mode)

/**
 * Each run of a handler has a stream of its own, numbered in order: usually the number of the attempt, more if an earlier run was given back.
 * The fragments of this kind say what the streams are; their keys are the numbers.
 */
export const headerKind = 'output'
const [numberDigits, byteDigits] = [7, 15]
export const numberKey = (number: number): string => String(number).padStart(numberDigits, '0')

/** The fragments with the chunks of a stream. Their keys are the positions of their ends. */
export const chunkKind = (number: number): string => `${headerKind}/${number}`
export const chunkKey = (end: number): string => String(end).padStart(byteDigits, '0')

/** What a stream is, and which run writes it. */
export interface StreamHeader {
  readonly mode: StreamMode
  readonly worker: string
  readonly startedAt: number | null
}

export const headerText = (header: StreamHeader): string => JSON.stringify(header)

/** Null if it is damaged. */
export function headerOf(text: string): StreamHeader | null {
  try {
    const header = JSON.parse(text) as StreamHeader
    return isStreamMode(header?.mode) ? header : null
  } catch {
    return null
  }
}

/** Whether the run that writes a stream goes on. A stream that does not exist yet is open as long as a run may begin. */
export function isOpen(job: Job, header: StreamHeader | null): boolean {
  if (job.completedAt !== null) return false
  if (header === null) return true
  return job.status === 'running' && job.worker === header.worker && job.startedAt === header.startedAt
}

/** A position in a stream, in bytes. */
export interface Offset {
  readonly number: number
  readonly bytes: number
}

/** As clients get it: they compare offsets as text. */
export const offsetText = ({ number, bytes }: Offset): string => `${numberKey(number)}_${chunkKey(bytes)}`

/** Null for anything that `offsetText` did not produce. */
export function offsetOf(text: string): Offset | null {
  const [, number, bytes] = /^(\d{7})_(\d{15})$/.exec(text) ?? []
  return bytes === undefined ? null : { number: Number(number), bytes: Number(bytes) }
}
