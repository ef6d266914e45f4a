import pg from 'pg'

/** A short question to PostgreSQL, on a connection of its own. */
export async function ask<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** What a commit on this server means, as the server says. */
export async function pgDurability(url: string): Promise<string> {
  const sql = `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`
  const [row] = await ask<{ fsync: string; commit: string }>(url, sql)
  return `fsync=${row?.fsync}, synchronous_commit=${row?.commit}`
}
