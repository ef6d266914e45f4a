import { describe, expect, it } from 'vitest'
import {
  chunkKind,
  headerOf,
  headerText,
  isOpen,
  isStreamMode,
  numberKey,
  offsetOf,
  offsetText,
} from './live-output.ts'
import { claim, create, fail, release, succeed } from './rules.ts'

const pending = create({ id: 'a', type: 't', owner: 'o', input: '{}', maxAttempts: 2, retainFor: 1 }, 0)
const running = claim(pending, 5, { worker: 'w', leaseMs: 9 })!
const header = { mode: 'text', worker: 'w', startedAt: 5 } as const

describe('a stream', () => {
  it('is open while its run goes on', () => {
    expect(isOpen(running, header)).toBe(true)
    expect(isOpen(release(running, 7)!, header)).toBe(false)
    expect(isOpen(succeed(running, 7, '1')!, header)).toBe(false)
    const again = claim(fail(running, 7, { code: 'x', message: 'y', retryable: true }, 7)!, 8, {
      worker: 'w',
      leaseMs: 9,
    })!
    expect([isOpen(again, header), isOpen(again, { ...header, startedAt: 8 })]).toEqual([false, true])
    expect(isOpen(running, { ...header, worker: 'other' })).toBe(false)
  })
  it('that does not exist is open until the job has ended', () => {
    expect([isOpen(pending, null), isOpen(running, null), isOpen(succeed(running, 7, '1')!, null)]).toEqual([
      true,
      true,
      false,
    ])
  })
})

describe('headers and offsets', () => {
  it('are found by the number of the stream', () =>
    expect([numberKey(3), chunkKind(3)]).toEqual(['0000003', 'output/3']))
  it('are read as they were written', () => {
    expect(headerOf(headerText(header))).toEqual(header)
    expect(offsetOf(offsetText({ number: 3, bytes: 1_234 }))).toEqual({ number: 3, bytes: 1_234 })
  })
  it.each(['', '{', 'null', '{"mode":"video"}'])('a damaged header is none: %j', (text) =>
    expect(headerOf(text)).toBeNull(),
  )
  it.each(['', '-1', 'now', '1_2', '0000001_00000000000000x', '0000001_000000000000001 ', '0,1'])(
    'no offset: %j',
    (text) => expect(offsetOf(text)).toBeNull(),
  )
  it('offsets are in order as text', () => {
    const texts = [
      { number: 1, bytes: 9 },
      { number: 1, bytes: 10 },
      { number: 2, bytes: 0 },
    ].map(offsetText)
    expect(texts.toSorted()).toEqual(texts)
  })
  it.each(['text', 'json', 'binary'])('%s is a mode', (mode) => expect(isStreamMode(mode)).toBe(true))
  it.each(['video', 'toString', 7, undefined])('%s is not', (mode) => expect(isStreamMode(mode)).toBe(false))
})
