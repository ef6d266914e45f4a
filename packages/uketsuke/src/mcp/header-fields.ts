import { RpcError, rpcCodes } from './rpc-error.ts'

/** Checks that a header field repeats a part of the body, or its absence. @throws {RpcError} */
export function mustRepeat(field: string, header: string | null, value: string | number | boolean | null): void {
  const text = header === null ? null : decoded(field, header.trim())
  if (value === null ? text === null : text === String(value)) return
  // A number has more than one spelling.
  if (typeof value === 'number' && text !== null && text !== '' && Number(text) === value) return
  throw mismatch(field, text === null ? 'is missing' : 'differs from the body')
}

/** Values that a header field cannot hold are sent in base64. */
function decoded(field: string, text: string): string {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(text)?.[1]
  if (encoded === undefined) return text
  if (!base64.test(encoded)) throw mismatch(field, 'is not valid base64')
  return Buffer.from(encoded, 'base64').toString()
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const mismatch = (field: string, how: string) =>
  new RpcError(rpcCodes.headerMismatch, `The header field ${field} ${how}.`, { status: 400 })
