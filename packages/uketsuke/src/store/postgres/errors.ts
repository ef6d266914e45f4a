import { UketsukeError } from '../../domain/errors.ts'

/** The server's SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html) or the code of a Node network error. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

const messageOf = (error: unknown): string =>
  error instanceof AggregateError ? messageOf(error.errors[0]) : error instanceof Error ? error.message : String(error)

const serializationFailure = '40001'
const deadlock = '40P01'
export const uniqueViolation = '23505'
/** Whether the server rolled back because of a conflict, so that an immediate retry can succeed. */
export const isConflict = (error: unknown): boolean => [serializationFailure, deadlock].includes(codeOf(error))

const queryCancelled = '57014'
/** Whether the server cancelled the statement, on request or by its own time limit. The statement had no effect. */
export const isCancelled = (error: unknown): boolean => codeOf(error) === queryCancelled

/** Error messages of `pg`, whose own errors have no codes. */
export const connectTimeout = 'timeout exceeded when trying to connect'
const timedOut = [connectTimeout, 'Connection terminated due to connection timeout']
const cutOff = [
  'Connection terminated',
  'Client has encountered a connection error',
  'Query read timeout',
  'Client was closed',
]
const begins = (error: unknown, texts: readonly string[]) => texts.some((text) => messageOf(error).startsWith(text))

const network = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN']
const adminShutdown = '57P01'
const crashShutdown = '57P02'
const cannotConnectNow = '57P03'

/** Whether no connection was available in time, because the pool is exhausted or the server does not respond. */
export const isConnectTimeout = (error: unknown): boolean => begins(error, timedOut)

const invalidStatementName = '26000'
/** The session lost a prepared statement, or a column was added since. A new connection prepares it again. */
const isStale = (error: unknown) =>
  codeOf(error) === invalidStatementName || begins(error, ['cached plan must not change result type'])

/**
 * PgBouncer with pool_mode = statement, which does not support transactions. Its error code is that of a protocol
 * violation.
 */
const poolsStatements = (error: unknown) => /statement pooling/i.test(messageOf(error))

/** Whether the connection or the server was lost, so that a running statement may or may not have been committed. */
export function isLost(error: unknown): boolean {
  if (poolsStatements(error)) return false
  if (isStale(error)) return true
  const code = codeOf(error)
  if (network.includes(code) || code.startsWith('08')) return true
  if ([adminShutdown, crashShutdown, cannotConnectNow].includes(code)) return true
  return isConnectTimeout(error) || begins(error, cutOff)
}

/**
 * Temporary rejections that wrote nothing: too many connections, a full disk, a standby, a lock timeout, a cancelled
 * statement.
 */
const refused = (code: string) => code.startsWith('53') || ['25006', '55P03', '57014'].includes(code)

/**
 * Errors at run time. What may resolve by itself becomes `temporarily-unavailable`; a bad row stays as it is. Clients
 * see the sentence, so it names no hosts or users; the cause does.
 */
export function toStoreError(error: unknown, doubt = ''): unknown {
  return isLost(error) || refused(codeOf(error)) ? temporarilyUnavailable(error, doubt) : error
}

/** A `temporarily-unavailable` error. `doubt` is a sentence to append if the outcome is unknown, else empty. */
export function temporarilyUnavailable(error: unknown, doubt = ''): UketsukeError {
  const detail = isCancelled(error)
    ? 'The database took too long to respond.'
    : isConnectTimeout(error)
      ? 'No database connection became available in time.'
      : 'The database is temporarily unavailable.'
  const outcome = doubt === '' ? undefined : 'unknown'
  return new UketsukeError('temporarily-unavailable', `${detail}${doubt}`, { cause: error, retryAfter: 1, outcome })
}

/**
 * Errors at startup: a sentence for the operator that names the address and what to do. `where` contains no password.
 */
export function toOpenError(where: string, schema: string, error: unknown): unknown {
  const cause = error instanceof UketsukeError && error.cause !== undefined ? error.cause : error
  if (cause instanceof UketsukeError) return cause
  const sentence = whatToDo(where, schema, codeOf(cause), messageOf(cause))
  if (sentence !== null) return new UketsukeError('store-unusable', sentence, { cause })
  if (!isLost(cause) && !refused(codeOf(cause))) return cause
  const detail = `PostgreSQL at ${where} is temporarily unavailable: ${messageOf(cause)}.`
  return new UketsukeError('temporarily-unavailable', detail, { cause, retryAfter: 1 })
}

function whatToDo(where: string, schema: string, code: string, message: string): string | null {
  switch (code) {
    case '28P01':
    case '28000':
      return `PostgreSQL at ${where} rejected the login: ${message}. Check the user name and the password.`
    case '3D000':
      return `The database at ${where} does not exist: ${message}. Create it, or specify another one.`
    case '42501':
      return `The database user at ${where} lacks a privilege: ${message}. Allow it to create the schema with GRANT CREATE ON DATABASE …, or create the schema yourself with CREATE SCHEMA "${schema}" AUTHORIZATION …`
    case '25006':
      return `PostgreSQL at ${where} is read-only, like a standby: connect to the primary.`
    case 'ENOTFOUND':
      return `The host name in ${where} cannot be resolved: check the connection string.`
    default:
      if (/statement pooling/i.test(message)) {
        return `The pooler at ${where} uses statement pooling, which does not support transactions: set pool_mode = transaction, or connect directly to the server.`
      }
      if (/^(The server does not support SSL|self.signed|unable to verify|.*certificate)/i.test(message)) {
        return `The TLS connection to ${where} failed: ${message}. Check sslmode in the connection string.`
      }
      if (/SASL|password must be a string/.test(message)) {
        return `PostgreSQL at ${where} requires a password: add it to the connection string.`
      }
      return null
  }
}
