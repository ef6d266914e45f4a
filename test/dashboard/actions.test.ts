import { expect, it } from 'vitest'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { client, withDashboard } from './setup.ts'

it('retries, cancels and deletes one job, and writes who did it', async () => {
  const { jobs, get, post } = withDashboard()
  const { jobId } = await jobs.enqueue('report', {})
  expect((await post(`jobs/${jobId}/retry`, { operation: '1' })).status).toBe(409)
  expect((await post(`jobs/${jobId}/delete`, { operation: '1' })).status).toBe(409)
  expect((await post(`jobs/${jobId}/cancel`, { operation: '1' })).body).toEqual({ jobId })
  const again = await post(`jobs/${jobId}/retry`, { operation: '2' })
  expect(again.body.jobId).not.toBe(jobId)
  expect((await post(`jobs/${jobId}/retry`, { operation: '2' })).body).toEqual(again.body)
  expect((await post(`jobs/${jobId}/delete`, { operation: '3' })).status).toBe(200)
  expect((await get(`jobs/${jobId}`)).status).toBe(404)
  const entries = (await get('audit')).body.items
  expect(entries.map(({ action }: { action: string }) => action)).toEqual(['delete', 'retry', 'retry', 'cancel'])
  expect(entries[0]).toMatchObject({ actor: 'olga', target: jobId, at: expect.any(Number) })
})

it('acts on all jobs of a filter, once, and not on those that came later', async () => {
  const { jobs, get, post } = withDashboard()
  for (let n = 0; n < 120; n++) await jobs.enqueue('report', { n: n % 2 }, { owner: 'bob' })
  const { count, more, until: end } = (await get('jobs/count?input.n=1&status=pending')).body
  expect([count, more]).toEqual([60, false])
  // Ids begin with the time.
  const counted = Date.now()
  await until(() => Date.now() > counted + 1)
  const later = await jobs.enqueue('report', { n: 1 })
  const batch = { filter: 'input.n=1&status=pending', operation: 'a', until: end, cursor: null }
  const acted = { done: 0, skipped: 0 }
  for (let cursor: string | null = null, n = 0; n < 20; n++) {
    const { body } = await post('bulk/cancel', { ...batch, cursor })
    acted.done += body.done
    acted.skipped += body.skipped
    cursor = body.next
    if (cursor === null) break
  }
  expect(acted).toEqual({ done: 60, skipped: 1 })
  expect((await jobs.get(later.jobId, { owner: allOwners }))?.status).toBe('pending')
  const cancelled = { ...batch, filter: 'status=cancelled', operation: 'b' }
  const [first, second] = [await post('bulk/retry', cancelled), await post('bulk/retry', cancelled)]
  expect([first.body.done, second.body.done]).toEqual([60, 60])
  expect((await get('jobs/count?status=pending')).body.count).toBe(60 + 1 + 60)
  expect((await post('bulk/delete', { ...batch, filter: 'status=cancelled' })).body).toMatchObject({
    done: 60,
    skipped: 0,
  })
  expect((await post('bulk/delete', { ...batch, filter: 'nonsense=1' })).status).toBe(400)
  expect((await post('bulk/explode', batch)).status).toBe(404)
  expect((await get('audit')).body.items[0]).toMatchObject({
    action: 'delete',
    target: 'jobs?status=cancelled',
    detail: '60 done, 0 skipped',
  })
})

it('pauses and resumes a type, and quiets a worker, of every process', async () => {
  const { jobs, get, post } = withDashboard()
  expect((await post('types/report/pause')).status).toBe(200)
  const worker = await jobs.work()
  await until(async () => (await get('workers')).body.items.length === 1)
  const paused = await jobs.enqueue('report', {})
  const other = await jobs.enqueue('broken', { why: 'x' })
  await until(async () => (await jobs.get(other.jobId, { owner: allOwners }))?.status === 'failed')
  expect((await get('types')).body.items.find(({ type }: { type: string }) => type === 'report')).toMatchObject({
    paused: true,
    pending: 1,
  })
  expect((await post(`workers/${worker.id}/quiet`)).status).toBe(200)
  expect((await post('types/report/resume')).status).toBe(200)
  await until(async () => (await get('workers')).body.items[0].quiet)
  expect((await jobs.get(paused.jobId, { owner: allOwners }))?.status).toBe('pending')
  expect((await post(`workers/${worker.id}/resume`)).status).toBe(200)
  await until(async () => (await jobs.get(paused.jobId, { owner: allOwners }))?.status === 'completed')
  expect((await post('workers/nobody/quiet')).status).toBe(404)
})

it('only shows, unless it is told otherwise or NODE_ENV is development', async () => {
  const { jobs, get, dashboard } = withDashboard({ readOnly: undefined })
  void dashboard
  const { jobId } = await jobs.enqueue('report', {})
  expect((await get('session')).body.readOnly).toBe(true)
  const { post } = client(jobs.dashboard({ authorize: () => true }))
  for (const path of [`jobs/${jobId}/cancel`, 'types/report/pause', 'bulk/cancel']) {
    expect((await post(path, { operation: '1', filter: '', until: 'Z' })).status).toBe(403)
  }
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'development'
  const developing = client(jobs.dashboard({ authorize: () => true }))
  process.env.NODE_ENV = before
  expect((await developing.get('session')).body.readOnly).toBe(false)
})

it('asks authorize for every request and every job, and sends its response', async () => {
  const asked: unknown[] = []
  const { jobs, get, post, dashboard } = withDashboard({
    authorize({ request, action, job }): boolean | Response {
      asked.push([action, job?.owner ?? null])
      if (request.headers.get('cookie') === 'none') return Response.redirect('https://login.example/')
      return job?.owner !== 'bob'
    },
  })
  await jobs.enqueue('report', {}, { owner: 'ann' })
  const bobs = await jobs.enqueue('report', {}, { owner: 'bob' })
  expect((await get('jobs')).status).toBe(200)
  expect((await post(`jobs/${bobs.jobId}/cancel`, { operation: '1' })).status).toBe(403)
  const bulk = await post('bulk/cancel', { filter: '', operation: '1', until: 'Z', cursor: null })
  expect(bulk.body).toEqual({ done: 1, skipped: 1, next: null })
  expect((await get('audit')).body.items).toMatchObject([{ action: 'cancel', detail: '1 done, 1 skipped' }])
  expect((await jobs.get(bobs.jobId, { owner: allOwners }))?.status).toBe('pending')
  expect(asked).toEqual(
    expect.arrayContaining([
      ['view', null],
      ['cancel', 'bob'],
      ['cancel', null],
    ]),
  )
  const page = await dashboard(new Request('https://ops.example/dashboard/', { headers: { cookie: 'none' } }))
  expect([page.status, page.headers.get('location')]).toEqual([302, 'https://login.example/'])
})

it.each([
  ['undefined', () => undefined],
  ['a text', () => 'yes'],
  ['1', () => 1],
  ['an object without a name', () => ({})],
])('refuses if authorize returns %s', async (_, authorize) => {
  const { get } = withDashboard({ authorize: authorize as never })
  expect((await get('jobs')).status).toBe(403)
})

it('responds with 500 and no details if authorize throws', async () => {
  const { get } = withDashboard({
    authorize(): boolean {
      throw new Error('the password is 1234')
    },
  })
  const { status, body } = await get('jobs')
  expect(status).toBe(500)
  expect(JSON.stringify(body)).not.toContain('1234')
})

it('refuses a change that another site may have caused', async () => {
  const { jobs, post } = withDashboard()
  const { jobId } = await jobs.enqueue('report', {})
  const type = { 'Content-Type': 'application/json' }
  const own = { ...type, 'Uketsuke-Dashboard': '1' }
  const cancel = (headers: Record<string, string>) => post(`jobs/${jobId}/cancel`, { operation: '1' }, headers)
  expect((await cancel(type)).status).toBe(403)
  expect((await cancel({ 'Uketsuke-Dashboard': '1' })).status).toBe(415)
  expect((await cancel({ ...own, 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403)
  expect((await cancel({ ...own, 'Sec-Fetch-Site': 'same-site' })).status).toBe(403)
  expect((await cancel({ ...own, 'Sec-Fetch-Site': 'same-origin' })).status).toBe(200)
})

it.each<[string, object]>([
  ['no authorize', {}],
  ['an authorize that is no function', { authorize: true }],
  ['a readOnly that is no boolean', { authorize: () => true, readOnly: 'no' }],
  ['a rule that hides something else', { authorize: () => true, hide: ['password'] }],
  ['an empty rule', { authorize: () => true, hide: [''] }],
  ['hide as a text', { authorize: () => true, hide: 'input' }],
])('does not start with %s', (_, options) => {
  const { jobs } = withDashboard()
  expect(() => jobs.dashboard(options as never)).toThrow(expect.objectContaining({ code: 'invalid-configuration' }))
})

it.each([
  ['not JSON', '{'],
  ['no object', '[]'],
  ['a number for a text', '{"operation":1}'],
  ['too long', JSON.stringify({ operation: 'x'.repeat(70_000) })],
])('refuses a body that is %s', async (_, body) => {
  const { jobs, call } = withDashboard()
  const { jobId } = await jobs.enqueue('report', {})
  const headers = { 'Content-Type': 'application/json', 'Uketsuke-Dashboard': '1' }
  const { status } = await call(`jobs/${jobId}/cancel`, { method: 'POST', body, headers })
  expect([400, 413, 422]).toContain(status)
})

it('writes to the audit log what was done before an error', async () => {
  const { jobs, get, post } = withDashboard({
    authorize({ job }) {
      if (job?.owner === 'bob') throw new Error('the directory of operators is down')
      return { name: 'olga' }
    },
  })
  for (const owner of ['ann', 'bob', 'ann']) await jobs.enqueue('report', {}, { owner })
  expect((await post('bulk/cancel', { filter: '', operation: '1', until: 'Z', cursor: null })).status).toBe(500)
  expect((await get('audit')).body.items).toMatchObject([
    { actor: 'olga', action: 'cancel', detail: '2 done, 0 skipped' },
  ])
  expect((await get('jobs/count?status=cancelled')).body.count).toBe(2)
})

it('does not tell whoever may not act which jobs exist', async () => {
  const { jobs, post } = withDashboard({ authorize: () => false })
  const { jobId } = await jobs.enqueue('report', {})
  const answers = await Promise.all(
    [jobId, '01ARZ3NDEKTSV4RRFFQ69G5FAV'].map((id) => post(`jobs/${id}/cancel`, { operation: '1' })),
  )
  expect(answers.map(({ status, body }) => [status, body])).toEqual(
    [answers[0], answers[0]].map((one) => [403, one?.body]),
  )
})

it('shows schedules without their inputs, pauses, resumes and runs them', async () => {
  const { jobs, get, post } = withDashboard()
  await jobs.schedules.set('nightly', {
    type: 'report',
    input: { password: 'secret' },
    cron: '0 2 * * *',
    owner: 'bob',
  })
  const shown = async () => (await get('schedules')).body.items
  expect(await shown()).toMatchObject([{ name: 'nightly', owner: 'bob', paused: false, lastRunAt: null }])
  expect((await shown())[0].next).toHaveLength(5)
  expect(JSON.stringify(await shown())).not.toContain('secret')
  expect((await post('schedules/nightly/pause')).status).toBe(200)
  expect(await shown()).toMatchObject([{ paused: true, next: [] }])
  expect((await post('schedules/nightly/resume')).status).toBe(200)
  expect((await post('schedules/nightly/run')).status).toBe(200)
  await jobs.work()
  await until(async () => (await jobs.list({ owner: 'bob' })).items.length > 0)
  expect((await post('schedules/no/run')).status).toBe(404)
  expect((await post('schedules/nightly/explode')).status).toBe(404)
  const actions = (await get('audit')).body.items.map(({ action }: { action: string }) => action)
  expect(actions).toEqual(['run-schedule', 'resume-schedule', 'pause-schedule'])
})

it('pauses all types', async () => {
  const { jobs, get, post } = withDashboard()
  expect((await get('types')).body.paused).toBe(false)
  expect((await post('types/*/pause')).status).toBe(200)
  expect([(await get('types')).body.paused, await jobs.paused()]).toEqual([true, ['*']])
  expect((await post('types/*/resume')).status).toBe(200)
  expect(await jobs.paused()).toEqual([])
})
