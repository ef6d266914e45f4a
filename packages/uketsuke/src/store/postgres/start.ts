import { randomBytes } from 'node:crypto'
import { keyFor } from '../../base/seal.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { checkMigrated } from '../raw-tables.ts'
import { Connection } from './connection.ts'
import { type Driver, loadDriver } from './driver.ts'
import { toOpenError } from './errors.ts'
import { migrate, migrationTimeout } from './migrations/index.ts'
import type { PostgresSettings } from './options.ts'
import { PreparedStatements } from './prepared-statements.ts'
import { notes, shared as sharedValue } from './queries.ts'

/** An open connection and what was found at startup. */
export interface OpenedSchema {
  readonly connection: Connection
  readonly driver: Driver
  readonly version: string
  readonly listens: boolean
  /** The server's durability settings, as it shows them. */
  readonly fsync: string
  readonly synchronousCommit: string
  /** Seals what processes tell each other of jobs. */
  readonly notificationKey: Buffer
}

const oldest = 130_000

/**
 * Connects, checks the server's settings and updates the schema.
 * @throws {UketsukeError} `store-unusable`, `temporarily-unavailable`
 */
export async function start(settings: PostgresSettings): Promise<OpenedSchema> {
  const driver = await loadDriver(settings)
  const prepared = new PreparedStatements()
  const connection = new Connection(driver.pool(), settings.schema, {
    prepared: () => (driver.direct ? prepared : null),
    statementTimeout: settings.statementTimeout,
    cancel: driver.cancel,
  })
  try {
    const [facts] = await connection.run((sql) =>
      sql.query(
        `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
           current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('default_transaction_isolation') AS isolation`,
        [],
      ),
    )
    if (Number(facts?.number) < oldest) {
      throw new UketsukeError(
        'store-unusable',
        `PostgreSQL ${facts?.version} at ${driver.where} is not supported: version 13 or later is required.`,
      )
    }
    if (facts?.synchronous_commit === 'off') {
      throw new UketsukeError(
        'store-unusable',
        `PostgreSQL behind the pooler at ${driver.where} has synchronous_commit = off, so accepted jobs could be lost: run ` +
          'ALTER ROLE … SET synchronous_commit = on.',
      )
    }
    if (facts?.isolation !== 'read committed') {
      throw new UketsukeError(
        'store-unusable',
        `PostgreSQL behind the pooler at ${driver.where} has default_transaction_isolation = ${facts?.isolation}, in which statements ` +
          "that wait for a lock fail: run ALTER ROLE … SET default_transaction_isolation = 'read committed'.",
      )
    }
    await connection.transaction((sql) => migrate(sql, settings.schema), { limit: migrationTimeout })
    const shared = await connection.run(notes)
    checkMigrated(`PostgreSQL at ${driver.where}, schema "${settings.schema}"`, (note) => shared.get(note))
    const secret = randomBytes(32).toString('base64url')
    const key = await connection.run((sql) => sharedValue(sql, 'notification-key', secret))
    return {
      connection,
      driver,
      version: facts?.version as string,
      listens: settings.pollOnly === undefined ? driver.direct : !settings.pollOnly,
      fsync: facts?.fsync as string,
      synchronousCommit: facts?.synchronous_commit as string,
      notificationKey: keyFor('notifications', key),
    }
  } catch (error) {
    await connection.close()
    throw toOpenError(driver.where, settings.schema, error)
  }
}
