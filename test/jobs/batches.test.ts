/** The webhook of a batch. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite, verifyWebhook } from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { receiver } from './receiver.ts'
import { atEnd, gate, tempFile } from './setup.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const input = z.object({ n: z.int() })

async function system() {
  const to = await receiver({ status: 204 })
  const [clock, store, held] = [manualClock(), sqlite(tempFile()), gate()]
  const types = {
    one: job({
      input,
      maxAttempts: 1,
      run: async ({ input: { n } }) => {
        if (n === 1) await held.passed
        if (n === 2) throw new Error('It broke.')
      },
    }),
  }
  const start = () => {
    const jobs = createJobs({ jobs: types, store, clock, log: silentLog, webhooks: { secret, allowHosts: [to.host] } })
    atEnd(async () => {
      const closed = jobs.close()
      await clock.advance(25_000)
      await closed
    })
    return jobs
  }
  /** Lets the clock go on until `look` finds something. */
  const later = async (look: () => unknown) => {
    for (let i = 0; i < 2_000 && !(await look()); i++) {
      await clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await look()).toBeTruthy()
  }
  return { ...to, clock, held, start, later }
}
const many = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))

test('one signed webhook tells that all jobs have ended, whatever became of them', async () => {
  const { received, url, held, clock, start, later } = await system()
  const jobs = start()
  const { batchId } = await jobs.enqueueMany('one', many(5), { owner: 'ann', batchWebhookUrl: url })
  await jobs.work()
  await later(async () => (await jobs.batch(batchId, { owner: 'ann' }))?.running === 1)
  for (let i = 0; i < 30; i++) await clock.advance(100)
  expect(received).toEqual([])
  held.open()
  await later(() => received.length > 0)
  const { body, headers } = received[0]!
  const batch = await jobs.batch(batchId, { owner: 'ann' })
  expect(batch).toMatchObject({ total: 5, completed: 4, failed: 1, progress: 100 })
  expect(JSON.parse(body)).toEqual({ type: 'batch.completed', timestamp: batch?.completedAt, data: batch })
  expect(headers['webhook-id']).toBe(`msg_${batchId}`)
  expect(
    verifyWebhook(body, new Headers(headers as Record<string, string>), secret, { now: clock.now() }),
  ).not.toBeNull()
  for (let i = 0; i < 30; i++) await clock.advance(100)
  expect(received).toHaveLength(1)
  expect((await jobs.list({ owner: 'ann' })).items).toHaveLength(5)
  expect((await jobs.stats()).deliveries.completed).toBe(1)
})

test('it is sent by another process if that of the call has died', async () => {
  const { received, url, held, start, later } = await system()
  held.open()
  const first = start()
  const { batchId } = await first.enqueueMany('one', many(2), { batchWebhookUrl: url })
  await first.close()
  const second = start()
  await second.work()
  await later(() => received.length > 0)
  expect(await second.batch(batchId, { owner: allOwners })).toMatchObject({ completed: 2 })
})

test.each([['no url'], ['ftp://example.com/'], ['https://user:secret@example.com/'], [5]])(
  'the URL %j is refused, and no job is stored',
  async (batchWebhookUrl) => {
    const { start } = await system()
    const jobs = start()
    await expect(jobs.enqueueMany('one', many(2), { batchWebhookUrl } as never)).rejects.toMatchObject({
      code: 'validation-error',
      errors: [{ pointer: '/batchWebhookUrl' }],
    })
    await expect(jobs.enqueueMany('one', many(2), { batchWebhookUrl: 'https://10.0.0.1/' })).rejects.toMatchObject({
      code: 'webhook-url-forbidden',
    })
    expect((await jobs.list({ owner: allOwners })).items).toEqual([])
  },
)

test('the batch is deleted before its end is told', async () => {
  const { received, url, start, later } = await system()
  const jobs = start()
  const made = await jobs.enqueueMany('one', many(1), { batchWebhookUrl: url })
  await jobs.cancel(made[0]!.jobId, { owner: allOwners })
  await jobs.remove(made[0]!.jobId, { owner: allOwners })
  await jobs.work()
  await later(async () => (await jobs.stats()).deliveries.failed === 1)
  expect(received).toEqual([])
})
