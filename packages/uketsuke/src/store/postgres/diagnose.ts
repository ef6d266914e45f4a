import { systemClock } from '../../base/clock.ts'
import { type Finding, longWaitMs, unclaimedFinding } from '../../base/finding.ts'
import { isPaused, pausedTypeKind } from '../records.ts'
import { Connection } from './connection.ts'
import { loadDriver } from './driver.ts'
import { toOpenError } from './errors.ts'
import { schemaVersion } from './migrations/index.ts'
import { type PostgresOptions, resolveOptions } from './options.ts'
import type { Row } from './rows.ts'
import { time } from './time.ts'
import { unclaimed } from './unclaimed.ts'

/** Diagnoses a server and its settings without changing anything. `now` is the local clock in milliseconds. */
export async function diagnose(options: string | PostgresOptions, now: () => number): Promise<Finding[]> {
  const settings = resolveOptions(options)
  const { schema } = settings
  const driver = await loadDriver(settings, 'alone')
  const connection = new Connection(driver.pool(), schema, {
    statementTimeout: settings.statementTimeout,
    cancel: driver.cancel,
  })
  try {
    return await connection.run(async (sql) => {
      // This query comes first, so that the connection exists when the clocks are compared.
      const [there] = await sql.query('SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [
        schema,
        'migrations',
      ])
      const [found] = there ? await sql.query('SELECT max(version) AS version FROM uketsuke.migrations', []) : []
      const before = now()
      const [facts = {}] = await sql.query(question, [])
      const skew = Number(facts.now) - (before + now()) / 2
      const current = there && Number(found?.version) === schemaVersion
      const waiting = current ? await unclaimed(sql, time(systemClock), longWaitMs) : []
      const records = 'SELECT id FROM uketsuke.records WHERE kind = $1'
      const paused = waiting.length === 0 ? [] : await sql.query(records, [pausedTypeKind])
      const names = new Set(paused.map(({ id }) => id as string))
      return [
        ...server(facts, driver.direct),
        ...durability(facts, driver.direct),
        schemaOf(schema, there ? Number(found?.version) : null),
        clocks(skew),
        ...waiting.map((one) => say('warn', unclaimedFinding(one, isPaused(names, one.type)))),
      ]
    })
  } catch (error) {
    const known = toOpenError(driver.where, schema, error)
    return [{ level: 'fail', message: `PostgreSQL: ${known instanceof Error ? known.message : String(known)}` }]
  } finally {
    await connection.close()
  }
}

/** `reset_val` is the session's value before uketsuke changes it. */
const question = `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
  current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
  (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit,
  pg_is_in_recovery() AS standby, extract(epoch FROM clock_timestamp()) * 1000 AS now`

const say = (level: Finding['level'], message: string): Finding => ({ level, message: `PostgreSQL: ${message}` })

function server({ version, number, standby }: Row, direct: boolean): Finding[] {
  const old = Number(number) < 130_000
  return [
    say(old ? 'fail' : 'ok', `version ${version}${old ? ' is not supported: version 13 or later is required.' : '.'}`),
    ...(standby ? [say('fail', 'this server is a standby and cannot accept jobs: connect to the primary.')] : []),
    direct
      ? say('ok', 'direct connection: changes by other processes arrive immediately, by LISTEN.')
      : say(
          'warn',
          'connection through a pooler such as PgBouncer: changes by other processes are found by polling, up to 0.2 s later.',
        ),
  ]
}

function durability(facts: Row, direct: boolean): Finding[] {
  const commit = String(facts.synchronous_commit)
  return [
    facts.fsync === 'on'
      ? say('ok', 'fsync=on: commits are flushed to disk.')
      : say('fail', 'fsync=off: a crash of the machine loses accepted jobs and can corrupt the database; turn it on.'),
    facts.full_page_writes === 'on'
      ? say('ok', 'full_page_writes=on: partially written pages can be repaired.')
      : say(
          'fail',
          'full_page_writes=off: a power failure can corrupt pages, unless the file system writes pages atomically; turn it on.',
        ),
    synchronousCommit(commit, direct),
  ]
}

function synchronousCommit(commit: string, direct: boolean): Finding {
  if (commit === 'off' && direct) {
    return say(
      'warn',
      'synchronous_commit=off: uketsuke overrides it for its own sessions, but jobs enqueued in your own transactions may be lost.',
    )
  }
  if (commit === 'off')
    return say(
      'fail',
      'synchronous_commit=off behind a pooler: the store cannot be opened, because accepted jobs could be lost.',
    )
  if (commit === 'local' || commit === 'remote_write') {
    return say(
      'warn',
      `synchronous_commit=${commit}: with a synchronous standby, a failover may lose accepted jobs; "on" prevents this.`,
    )
  }
  return say('ok', `synchronous_commit=${commit}: a 202 is sent after the commit is on disk.`)
}

function schemaOf(schema: string, version: number | null): Finding {
  if (version === null) return say('ok', `the schema "${schema}" does not exist; the first start creates it.`)
  if (version > schemaVersion) {
    return say(
      'fail',
      `the schema "${schema}" is at version ${version}, which is newer than this version of uketsuke supports (${schemaVersion}): upgrade uketsuke.`,
    )
  }
  if (version < schemaVersion)
    return say(
      'warn',
      `the schema "${schema}" is at version ${version} of ${schemaVersion}: the next start updates it.`,
    )
  return say('ok', `the schema "${schema}" is at version ${version}, up to date.`)
}

/** Receivers of Standard Webhooks reject timestamps that are more than five minutes off. In milliseconds. */
const webhookTolerance = 300_000

function clocks(skew: number): Finding {
  const ms = Math.round(Math.abs(skew))
  const sentence = `the database's clock is ${ms} ms ${skew < 0 ? 'behind' : 'ahead of'} this machine's`
  if (ms > webhookTolerance)
    return say(
      'fail',
      `${sentence}: one of them is wrong, and receivers reject webhooks with a wrong timestamp; use NTP.`,
    )
  if (ms > 1_000)
    return say(
      'warn',
      `${sentence}: leases depend on the database's clock only, but the times in jobs come from both; use NTP.`,
    )
  return say('ok', `${sentence}.`)
}
