import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import knex from 'knex'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  allOwners,
  createJobs,
  job,
  type Store,
  silentLog,
  sqlite,
  type Transaction,
} from '../../packages/uketsuke/src/index.ts'
import { drizzleTx, knexTx, kyselyTx, postgres, prismaTx } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { visible } from '../jobs/setup.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { generatePrisma } from '../servers/prisma.ts'

/** A database library. Runs `work` in a transaction and commits it, or rolls back if `work` throws. */
interface Library {
  transaction<T>(work: (tx: Transaction, sql: (text: string) => Promise<unknown>) => Promise<T>): Promise<T>
  close(): Promise<void>
}

let server: PostgresServer
let url: string
beforeAll(async () => {
  server = await startPostgres()
  url = await server.create('shop')
  await server.query('CREATE TABLE orders (id text PRIMARY KEY)', url)
}, 60_000)
afterAll(() => server.stop())

const libraries: Record<string, () => Promise<Library>> = {
  pg: async () => {
    const pool = new pg.Pool({ connectionString: url })
    return {
      async transaction(work) {
        const client = await pool.connect()
        try {
          await client.query('BEGIN')
          const result = await work(client, (text) => client.query(text))
          await client.query('COMMIT')
          return result
        } catch (error) {
          await client.query('ROLLBACK')
          throw error
        } finally {
          client.release()
        }
      },
      close: () => pool.end(),
    }
  },
  prisma: async () => {
    const client = await generatePrisma(url)
    return {
      transaction: (work) => client.$transaction((tx) => work(prismaTx(tx), (text) => tx.$executeRawUnsafe(text))),
      close: () => client.$disconnect(),
    }
  },
  drizzle: async () => {
    const pool = new pg.Pool({ connectionString: url })
    const db = drizzle(pool)
    return {
      transaction: (work) =>
        db.transaction((tx) => work(drizzleTx(tx, sql), async (text) => tx.execute(sql.raw(text)))),
      close: () => pool.end(),
    }
  },
  kysely: async () => {
    const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) })
    return {
      transaction: (work) =>
        db
          .transaction()
          .execute((trx) => work(kyselyTx(trx, CompiledQuery), (text) => trx.executeQuery(CompiledQuery.raw(text)))),
      close: () => db.destroy(),
    }
  },
  knex: async () => {
    const db = knex({ client: 'pg', connection: url })
    return {
      transaction: (work) => db.transaction((trx) => work(knexTx(trx), async (text) => trx.raw(text))),
      close: () => db.destroy(),
    }
  },
}

const awkward = 'a ? b $1 :c ?? \\ " \' \u0000 \u0001 漢字 🚀'

describe.each(Object.keys(libraries))('enqueue within a transaction of %s', (name) => {
  let library: Library
  const ran: string[] = []
  const mail = job({ input: z.object({ to: z.string() }), run: ({ input }) => void ran.push(input.to) })
  let opened: () => Store
  const open = () => {
    const seen = visible(postgres(url))
    opened = seen.opened
    return createJobs({ jobs: { mail }, store: seen.store, log: silentLog })
  }
  let jobs: ReturnType<typeof open>

  beforeAll(async () => {
    library = await libraries[name]!()
    jobs = open()
    await jobs.ready()
  }, 60_000)
  afterAll(async () => {
    await jobs.close()
    await library.close()
  })

  test('rollback: no job and no notification', async () => {
    const heard: unknown[] = []
    const stop = opened().onForeignCommit((commit) => heard.push(commit))
    const lost = library.transaction(async (tx) => {
      const { jobId } = await jobs.enqueue('mail', { to: 'nobody' }, { tx, idempotencyKey: `${name}-lost` })
      throw new Error(jobId)
    })
    const id = await lost.catch((error: Error) => error.message)
    expect(id).toMatch(/^[0-9A-Z]{26}$/)
    expect(await jobs.get(id, { owner: allOwners })).toBeNull()
    // Notifications arrive in order: an earlier one would already be here.
    await library.transaction((tx) => jobs.enqueue('mail', { to: 'told' }, { tx, delay: 60_000 }))
    await expect.poll(() => heard.some((commit) => commit !== undefined)).toBe(true)
    stop()
    expect(JSON.stringify(heard)).not.toContain(id)
    // The key was not stored either.
    const again = await jobs.enqueue('mail', { to: 'somebody' }, { idempotencyKey: `${name}-lost`, delay: 60_000 })
    expect(again.status).toBe('pending')
  })

  test('commit: the job starts at once, together with the other writes', async () => {
    const worker = await jobs.work({ concurrency: 1 })
    const to = `${name} ${awkward}`
    const { id, at } = await library.transaction(async (tx, run) => {
      await run(`INSERT INTO orders VALUES ('${name}')`)
      const { jobId } = await jobs.enqueue(
        'mail',
        { to },
        { tx, owner: 'ann', priority: 'high', metadata: { awkward } },
      )
      // Not visible to other sessions before the commit.
      expect(await jobs.get(jobId, { owner: allOwners })).toBeNull()
      return { id: jobId, at: Date.now() }
    })
    for await (const state of jobs.watch(id, { owner: allOwners })) {
      if (state.status === 'completed') expect(Date.parse(state.startedAt ?? '') - at).toBeLessThan(900)
    }
    expect(ran).toContain(to)
    expect(await jobs.get(id, { owner: 'ann' })).toMatchObject({
      status: 'completed',
      priority: 'high',
      metadata: { awkward },
    })
    expect((await server.query(`SELECT id FROM orders WHERE id = '${name}'`, url)).rows).toHaveLength(1)
    await worker.stop()
  })

  test('enqueueMany stores all jobs with the commit, and none without it', async () => {
    const inputs = ['a', 'b', 'c'].map((to) => ({ to: `${name} ${to}` }))
    const enqueue = (tx: Transaction) => jobs.enqueueMany('mail', inputs, { tx, delay: 60_000 })
    const kept = await library.transaction(enqueue)
    let lost: { jobId: string }[] = []
    await library
      .transaction(async (tx) => {
        lost = await enqueue(tx)
        throw new Error('rolled back')
      })
      .catch(() => {})
    expect(lost).toHaveLength(3)
    expect(await Promise.all(lost.map(({ jobId }) => jobs.get(jobId, { owner: allOwners })))).toEqual([
      null,
      null,
      null,
    ])
    expect(
      await Promise.all(kept.map(({ jobId }) => jobs.get(jobId, { owner: allOwners, include: ['input'] }))),
    ).toMatchObject(inputs.map((input) => ({ status: 'pending', input })))
  })

  test('a key creates one job, within one transaction and across several', async () => {
    const idempotencyKey = `${name}-key`
    const enqueue = (tx: Transaction, to = 'one') => jobs.enqueue('mail', { to }, { tx, idempotencyKey, delay: 60_000 })
    const [first, second] = await library.transaction(async (tx) => [await enqueue(tx), await enqueue(tx)])
    const third = await library.transaction((tx) => enqueue(tx))
    expect(new Set([first?.jobId, second?.jobId, third.jobId]).size).toBe(1)
    expect(third).toMatchObject({ status: 'pending', version: 1, createdAt: first?.createdAt })
    await expect(library.transaction((tx) => enqueue(tx, 'another'))).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    })
  })
})

test('a store without transaction support rejects tx', async () => {
  const mail = job({ input: z.object({}), run: () => {} })
  const jobs = createJobs({ jobs: { mail }, store: sqlite(':memory:'), log: silentLog })
  const tx = { query: async () => [] }
  await expect(jobs.enqueue('mail', {}, { tx })).rejects.toMatchObject({ code: 'invalid-configuration' })
  await expect(jobs.enqueueMany('mail', [{}], { tx })).rejects.toMatchObject({ code: 'invalid-configuration' })
  await jobs.close()
})
