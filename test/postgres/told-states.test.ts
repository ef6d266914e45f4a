import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import type { Job } from '../../packages/uketsuke/src/domain/job.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import type { RemoteCommit, Store } from '../../packages/uketsuke/src/store/port.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

/** Two stores, one of which follows what the other commits, and what any role of the database could overhear. */
async function pair(name: string) {
  const url = await server.create(name)
  const [writer, reader] = await Promise.all(
    [0, 1].map(async () => {
      const store = postgres(url)(systemClock)
      await store.migrate()
      return store
    }),
  )
  const heard: RemoteCommit[] = []
  let polls = 0
  reader!.onForeignCommit((commit) => void (commit === undefined ? polls++ : heard.push(commit)))
  // It polls once the lock is held that tells the writer of a follower.
  await expect.poll(() => polls).toBeGreaterThan(0)
  const overheard: string[] = []
  const spy = new pg.Client(url)
  await spy.connect()
  spy.on('notification', ({ payload = '' }) => overheard.push(payload))
  await spy.query('LISTEN uketsuke')
  const close = () => Promise.all([writer!.close(), reader!.close(), spy.end()])
  return { writer: writer!, reader: reader!, spy, heard, overheard, close }
}

const asked = { queue: 'jobs', types: ['t'], limit: 1, worker: 'w', leaseMs: 60_000 } as const

async function claim(store: Store, id: string, input: string): Promise<Job> {
  const request = { id, type: 't', owner: 'o', input, maxAttempts: 3, retainFor: 1e9 }
  await store.insert([{ job: rules.create(request, Date.now()) }])
  const [job] = await store.claim(asked)
  return job!
}

const completed = (job: Job, output: string) => change(job, rules.succeed(job, Date.now(), output)!, Date.now())

test('a follower hears the state itself, and nobody else can read or forge it', async () => {
  const { writer, reader, spy, heard, overheard, close } = await pair('told')
  const job = await claim(writer, 'a', '"the secret input"')
  const end = completed(job, '"the secret output"')
  expect(await writer.replace([end])).toEqual([true])
  await expect
    .poll(() => heard)
    .toContainEqual({ changed: [{ id: 'a', version: 3 }], waiting: [], states: [end.after] })
  expect(await reader.get('o', ['a'])).toEqual([end.after])
  await expect.poll(() => overheard.length).toBeGreaterThan(2)
  expect(overheard.join()).not.toContain('secret')

  const forged = JSON.stringify([[], [['a', 9]], Buffer.from(JSON.stringify([job])).toString('base64url')])
  await spy.query('SELECT pg_notify($1, $2)', ['uketsuke', `somebody ${forged}`])
  await expect.poll(() => heard).toContainEqual({ changed: [{ id: 'a', version: 9 }], waiting: [] })
  await close()
})

test('a state that was not stored is not told', async () => {
  const { writer, heard, close } = await pair('lost')
  const job = await claim(writer, 'a', '{}')
  expect(await writer.replace([completed(job, '1')])).toEqual([true])
  expect(await writer.replace([completed(job, '2')])).toEqual([false])
  expect(await writer.replace([completed(await claim(writer, 'b', '{}'), '3')])).toEqual([true])
  const outputs = () => heard.flatMap(({ states = [] }) => states.map(({ output }) => output))
  await expect.poll(outputs).toContain('3')
  expect(outputs()).not.toContain('2')
  await close()
})

test('a state that does not fit into a notification is read', async () => {
  const { writer, heard, close } = await pair('large')
  const job = await claim(writer, 'a', JSON.stringify('x'.repeat(7_000)))
  expect(await writer.replace([completed(job, '1')])).toEqual([true])
  await expect.poll(() => heard).toContainEqual({ changed: [{ id: 'a', version: 3 }], waiting: [] })
  await close()
})
