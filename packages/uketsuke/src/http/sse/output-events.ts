import { offsetText } from '../../domain/live-output.ts'
import type { OutputPart } from '../../output/reader.ts'

/** The events of one part of live output, in the form of the Durable Streams protocol: its data, then where the stream stands. */
export function outputEvents(part: OutputPart, cursor: string): Buffer {
  const control = {
    streamNextOffset: offsetText(part.next),
    ...(part.closed ? { streamClosed: true } : { streamCursor: cursor }),
    ...(part.upToDate && { upToDate: true }),
  }
  const data = part.data.length === 0 ? '' : event('data', dataOf(part))
  return Buffer.from(data + event('control', JSON.stringify(control)))
}

function dataOf({ mode, data }: OutputPart): string {
  if (mode === 'binary') return data.toString('base64')
  return mode === 'json' ? jsonOf(data) : data.toString()
}

/** Messages as an array. Each is followed by a comma. */
export const jsonOf = (messages: Buffer): string =>
  `[${messages.toString('utf8', 0, Math.max(0, messages.length - 1))}]`

/** Line breaks of any kind would end the field. */
const event = (name: string, data: string): string =>
  `event: ${name}\n${data
    .split(/\r\n|\r|\n/)
    .map((line) => `data:${line}\n`)
    .join('')}\n`
