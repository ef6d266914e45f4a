/**
 * The caller's own transaction on the database that stores the jobs. A `pg` client after BEGIN can be passed as is;
 * `uketsuke/postgres` has adapters for Prisma, Drizzle, Kysely and Knex.
 */
export interface Transaction {
  /** Runs one statement. All parameters are text and appear in the SQL as `$1`, `$2`… */
  query(sql: string, parameters: string[]): Promise<Rows>
}

/** A query result: the rows themselves, or an object that has them as `rows`. */
export type Rows = { readonly rows: unknown[] } | readonly unknown[]
