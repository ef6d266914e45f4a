import { UketsukeError } from '../domain/errors.ts'
import { offsetOf } from '../domain/live-output.ts'
import type { Start } from '../output/reader.ts'
import { single } from './query.ts'

/** What a reader of live output asks for, in the terms of the Durable Streams protocol. */
export interface OutputQuery {
  readonly start: Start
  readonly live: 'long-poll' | 'sse' | null
  /** What the client got as a cursor; null if it has none. */
  readonly cursor: number | null
}

const invalid = (detail: string) => new UketsukeError('invalid-query', detail)

/** Other parameters are ignored, as the protocol demands. @throws `invalid-query` */
export function outputQuery(query: URLSearchParams, number: number | null): OutputQuery {
  const live = single(query, 'live')
  if (live !== null && live !== 'long-poll' && live !== 'sse') throw invalid('live must be long-poll or sse.')
  const offset = single(query, 'offset')
  if (offset === null && live !== null) throw invalid('A live read needs an offset.')
  const cursor = query.get('cursor') ?? ''
  return { start: startOf(offset, number), live, cursor: /^\d{1,15}$/.test(cursor) ? Number(cursor) : null }
}

function startOf(text: string | null, number: number | null): Start {
  if (text === null || text === '-1') return 'start'
  if (text === 'now') return text
  const offset = offsetOf(text)
  if (offset === null || (number !== null && offset.number !== number)) {
    throw invalid('offset must be -1, now, or an offset of this stream.')
  }
  return offset
}

/** Since when cursors are counted, and how long each lasts, in milliseconds. */
const [epoch, lasting] = [Date.UTC(2024, 9, 9), 20_000]

/** A number that grows with time, and is greater than the one that the client has, so that no cache answers it again. */
export const nextCursor = (now: number, given: number | null): string =>
  String(Math.max(Math.floor((now - epoch) / lasting), given === null ? 0 : given + 1))
