/** The same demo, unchanged, on PostgreSQL and Redis. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../test/servers/postgres.ts'
import { RedisServer } from '../../../test/servers/redis.ts'
import { failedStart, startDemo } from './demo.ts'

let database: PostgresServer
let redis: RedisServer
beforeAll(async () => {
  database = await startPostgres()
  redis = await RedisServer.start()
})
afterAll(async () => {
  await redis?.stop()
  await database?.stop()
})

const headers = { Authorization: 'Bearer demo-alice', 'Content-Type': 'application/json', Prefer: 'wait=30' }
const year = { startDate: '2014-01-01', endDate: '2014-12-31' }

it('runs a report, delivers the webhook, and shows both engines in the banner', async () => {
  const demo = await startDemo({ DATABASE_URL: database.url(), REDIS_URL: redis.url, REPORT_PACE: '0' })
  try {
    expect(demo.output()).toMatch(/^ {2}Store {7}PostgreSQL [\d.]+[^\n]*, fsync=on, synchronous_commit=on/m)
    expect(demo.output()).toMatch(/^ {2}Dispatch {4}Redis Streams at redis:\/\/127\.0\.0\.1:\d+/m)
    expect(demo.output()).not.toMatch(/secret|jobs\.db/)
    const body = JSON.stringify({ ...year, webhookUrl: `${demo.url}/demo/receiver` })
    const response = await fetch(`${demo.url}/api/reports/generate`, { method: 'POST', headers, body })
    expect(response.status).toBe(202)
    const { jobId, status, output, files } = await response.json()
    expect({ status, output }).toEqual({ status: 'completed', output: expect.objectContaining({ pages: 19 }) })
    const pdf = await fetch(demo.url + files[0].url, { headers })
    expect([pdf.status, pdf.headers.get('content-type')]).toEqual([200, 'application/pdf'])
    const receipt = async () => (await fetch(`${demo.url}/api/demo/receipts/${jobId}`, { headers })).json()
    await expect.poll(receipt, { timeout: 10_000 }).toMatchObject({ receipt: { type: 'job.completed', times: 1 } })

    const { rows } = await database.query('SELECT id FROM uketsuke.jobs ORDER BY id')
    expect(rows).toEqual([{ id: jobId }, { id: `${jobId}-webhook` }])
    expect(await redis.command('KEYS', '*')).toEqual(expect.arrayContaining([expect.stringMatching(/^uketsuke:/)]))
  } finally {
    expect(await demo.stop()).toBe(0)
  }
})

it('reports a database error in one line without the password', async () => {
  const nowhere = database.url('nowhere')
  const { output, code } = await failedStart({ PORT: '0', DATABASE_URL: nowhere })
  expect(output.trim()).toMatch(/^The database at super@\S+ does not exist: [^\n]*$/)
  expect(output).not.toContain('secret')
  expect(code).toBe(2)
})
