import pg from 'pg'

/** Runs one query on a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(
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

/** The durability of a commit, as reported by the server. */
export async function pgDurability(url: string): Promise<string> {
  const sql = `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`
  const [row] = await query<{ fsync: string; commit: string }>(url, sql)
  return `fsync=${row?.fsync}, synchronous_commit=${row?.commit}`
}
