/**
 * A transaction of the caller's own, on the database in which the jobs are kept. A `pg` client that has said BEGIN is one as it stands;
 * `uketsuke/postgres` makes one of Prisma's, Drizzle's, Kysely's and Knex's.
 */
export interface Transaction {
  /** Parameters are text only, and stand in the SQL as `$1`, `$2`… */
  query(sql: string, parameters: string[]): Promise<Rows>
}

export type Rows = { readonly rows: unknown[] } | readonly unknown[]
