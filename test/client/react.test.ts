/** What needs no browser: rendering on a server, and TanStack Query. The rest is in `test/browser/client.test.ts`. */
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { createElement, Suspense } from 'react'
import { renderToString } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import type { JobView } from '../../packages/client/src/index.ts'
import { createHooks, jobQueryOptions } from '../../packages/client/src/react/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { connected } from './setup.ts'

describe('useJob on a server', () => {
  it('renders the idle state, or a job that is still unknown as pending, without a request', async () => {
    const { client, requests } = await connected()
    const { useJob } = createHooks(client)
    function Show({ jobId }: { jobId?: string }) {
      const { status, isIdle, isPending, progress, progressMessage, output, error } = useJob('report', { jobId })
      return createElement(
        'p',
        null,
        JSON.stringify([status, isIdle, isPending, progress, progressMessage, output, error]),
      )
    }
    const render = (props: { jobId?: string }) =>
      renderToString(createElement(Suspense, null, createElement(Show, props))).replaceAll('&quot;', '"')
    expect(render({})).toContain('["idle",true,false,0,null,null,null]')
    expect(render({ jobId: '01JD0000000000000000000000' })).toContain('["pending",false,true,0,null,null,null]')
    expect(requests).toEqual([])
  })
})

describe('jobQueryOptions', () => {
  it('gives each state of the job as data, and is fetched when the job ends', async () => {
    const { api, client } = await connected()
    const worker = await api.jobs.work()
    atEnd(() => worker.stop())
    const { jobId } = await client.enqueue('held', {})
    const cache = new QueryClient()
    const observer = new QueryObserver(cache, jobQueryOptions(client, 'held', jobId))
    const seen: JobView[] = []
    const stop = observer.subscribe(({ data }) => {
      if (data && data !== seen.at(-1)) seen.push(data)
    })
    const { finish } = await api.handler(jobId)
    await until(() => seen.at(-1)?.status === 'running')
    expect(observer.getCurrentResult()).toMatchObject({ isSuccess: true, isFetching: true })
    finish('done')
    await until(() => seen.at(-1)?.status === 'completed')
    await until(() => !observer.getCurrentResult().isFetching)
    const { data } = observer.getCurrentResult()
    expect(data?.status === 'completed' && data.output).toBe('done')
    stop()
    cache.clear()
  })

  it('fails for an unknown job, and stops following when nobody observes it', async () => {
    const { client, api } = await connected()
    const cache = new QueryClient({ defaultOptions: { queries: { retry: false } } })
    const unknown = cache.fetchQuery(jobQueryOptions(client, 'held', '01JD0000000000000000000000'))
    await expect(unknown).rejects.toMatchObject({ code: 'job-not-found' })
    const { jobId } = await client.enqueue('held', {})
    const stop = new QueryObserver(cache, jobQueryOptions(client, 'held', jobId)).subscribe(() => {})
    await until(() => cache.getQueryData(['uketsuke', 'held', jobId]))
    stop()
    expect(await api.jobs.get(jobId, { owner: 'alice' })).toMatchObject({ status: 'pending' })
    cache.clear()
  })
})
