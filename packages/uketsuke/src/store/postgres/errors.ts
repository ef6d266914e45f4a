import { UketsukeError } from '../../domain/errors.ts'

/** The SQLSTATE of the server (postgresql.org/docs/current/errcodes-appendix.html), or the code of Node's network error. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

const messageOf = (error: unknown): string =>
  error instanceof AggregateError ? messageOf(error.errors[0]) : error instanceof Error ? error.message : String(error)

const serializationFailure = '40001'
const deadlock = '40P01'
export const uniqueViolation = '23505'
/** Rolled back by the server, and worth another try at once. */
export const isConflict = (error: unknown): boolean => [serializationFailure, deadlock].includes(codeOf(error))

const queryCancelled = '57014'
/** Ended by the server before it had done anything: a cancel that was asked for, or the server's own time limit. */
export const isCancelled = (error: unknown): boolean => codeOf(error) === queryCancelled

/** Texts of `pg`, which gives its own errors no codes. */
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

/** No connection came about within its time, be it that the pool is exhausted or that nothing answers. */
export const isConnectTimeout = (error: unknown): boolean => begins(error, timedOut)

const invalidStatementName = '26000'
/** The session has forgotten a statement, or the table has another column since: a new connection prepares it anew. */
const isStale = (error: unknown) =>
  codeOf(error) === invalidStatementName || begins(error, ['cached plan must not change result type'])

/** PgBouncer with pool_mode = statement, which has no transactions. Its code says that the protocol was violated. */
const poolsStatements = (error: unknown) => /statement pooling/i.test(messageOf(error))

/** The connection is gone or the server is: a statement that was under way may have been committed or not. */
export function isLost(error: unknown): boolean {
  if (poolsStatements(error)) return false
  if (isStale(error)) return true
  const code = codeOf(error)
  if (network.includes(code) || code.startsWith('08')) return true
  if ([adminShutdown, crashShutdown, cannotConnectNow].includes(code)) return true
  return isConnectTimeout(error) || begins(error, cutOff)
}

/** What the server refused for now, having written nothing: too many connections, a full disk, a standby, a cancelled statement. */
const refused = (code: string) => code.startsWith('53') || ['25006', '55P03', '57014'].includes(code)

/**
 * At run time: what may pass by itself is "not now"; a bad row stays what it is. Clients read this sentence, so that it says nothing of
 * hosts and users: the cause does.
 */
export function toStoreError(error: unknown, doubt = ''): unknown {
  return isLost(error) || refused(codeOf(error)) ? temporarilyUnavailable(error, doubt) : error
}

/** Without a connection nothing has been written, whatever the reason. */
export function temporarilyUnavailable(error: unknown, doubt = ''): UketsukeError {
  const detail = isCancelled(error)
    ? 'The database took too long.'
    : isConnectTimeout(error)
      ? 'No database connection became free in time.'
      : 'The database cannot be used now.'
  const outcome = doubt === '' ? undefined : 'unknown'
  return new UketsukeError('temporarily-unavailable', `${detail}${doubt}`, { cause: error, retryAfter: 1, outcome })
}

/** At the start: a sentence for the operator, naming the place and what to do. `where` holds no password. */
export function toOpenError(where: string, schema: string, error: unknown): unknown {
  const cause = error instanceof UketsukeError && error.cause !== undefined ? error.cause : error
  if (cause instanceof UketsukeError) return cause
  const sentence = whatToDo(where, schema, codeOf(cause), messageOf(cause))
  if (sentence !== null) return new UketsukeError('store-unusable', sentence, { cause })
  if (!isLost(cause) && !refused(codeOf(cause))) return cause
  const detail = `PostgreSQL at ${where} cannot be used now: ${messageOf(cause)}.`
  return new UketsukeError('temporarily-unavailable', detail, { cause, retryAfter: 1 })
}

function whatToDo(where: string, schema: string, code: string, message: string): string | null {
  switch (code) {
    case '28P01':
    case '28000':
      return `PostgreSQL at ${where} refuses this user: ${message}. Check the user name and the password.`
    case '3D000':
      return `PostgreSQL at ${where} has no such database: ${message}. Create it, or name another one.`
    case '42501':
      return `The user at ${where} lacks a right: ${message}. Let it create the schema: GRANT CREATE ON DATABASE …, or CREATE SCHEMA "${schema}" AUTHORIZATION … beforehand.`
    case '25006':
      return `PostgreSQL at ${where} is read-only, as a standby is: connect to the primary.`
    case 'ENOTFOUND':
      return `There is no host by the name in ${where}: check the connection string.`
    default:
      if (/statement pooling/i.test(message)) {
        return `The pooler at ${where} gives out its connections for single statements, which rules out transactions: set pool_mode = transaction, or connect to the server itself.`
      }
      if (/^(The server does not support SSL|self.signed|unable to verify|.*certificate)/i.test(message)) {
        return `The connection to ${where} cannot be encrypted as asked: ${message}. Check sslmode in the connection string.`
      }
      if (/SASL|password must be a string/.test(message)) {
        return `PostgreSQL at ${where} asks for a password and none was given: put it into the connection string.`
      }
      return null
  }
}
