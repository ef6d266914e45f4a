import type { Rows, Transaction } from '../transaction.ts'

/** Adapts a Prisma transaction. In `prisma.$transaction(async (tx) => …)`, pass `{ tx: prismaTx(tx) }` to `enqueue`. */
export function prismaTx(tx: {
  $queryRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<unknown>
}): Transaction {
  return { query: async (sql, parameters) => (await tx.$queryRawUnsafe(sql, ...parameters)) as Rows }
}

/**
 * Adapts a Drizzle transaction. In `db.transaction(async (tx) => …)`, pass `{ tx: drizzleTx(tx, sql) }`, with `sql`
 * from `drizzle-orm`.
 */
export function drizzleTx<Query>(
  tx: { execute(query: Query): PromiseLike<unknown> },
  sql: { raw(text: string): Query; param(value: string): unknown; join(parts: never[]): Query },
): Transaction {
  return {
    async query(text, parameters) {
      const parts = split(text).map((part) =>
        typeof part === 'string' ? sql.raw(part) : sql.param(parameters[part] ?? ''),
      )
      return (await tx.execute(sql.join(parts as never[]))) as Rows
    },
  }
}

/**
 * Adapts a Kysely transaction. In `db.transaction().execute(async (trx) => …)`, pass `{ tx: kyselyTx(trx,
 * CompiledQuery) }`, with `CompiledQuery` from `kysely`.
 */
export function kyselyTx<Query>(
  trx: { executeQuery(query: Query): Promise<{ rows: unknown[] }> },
  compiled: { raw(sql: string, parameters: unknown[]): Query },
): Transaction {
  return { query: (sql, parameters) => trx.executeQuery(compiled.raw(sql, parameters)) }
}

/** Adapts a Knex transaction. In `knex.transaction(async (trx) => …)`, pass `{ tx: knexTx(trx) }`. */
export function knexTx(trx: { raw(sql: string, bindings: string[]): PromiseLike<unknown> }): Transaction {
  return {
    async query(sql, parameters) {
      const parts = split(sql)
      const text = parts.map((part) => (typeof part === 'string' ? part : '?')).join('')
      const bindings = parts.flatMap((part) => (typeof part === 'string' ? [] : [parameters[part] ?? '']))
      return (await trx.raw(text, bindings)) as Rows
    },
  }
}

/** Splits SQL into text and parameter indexes. Our statements have neither `$1` nor `?` in a literal. */
const split = (sql: string): (string | number)[] =>
  sql.split(/\$(\d+)/).map((part, i) => (i % 2 === 0 ? part : Number(part) - 1))
