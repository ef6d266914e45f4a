/** The examples of Express, Fastify and Hono. That of Next.js is tested in a browser. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createClient } from '../../packages/client/src/index.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { build, folderOf, start } from './run.ts'

interface AppJobs {
  report: { input: { year: number }; output: { url: string } }
}

describe.each(['express', 'fastify', 'hono'])('examples/%s', (name) => {
  it('serves the jobs API and a route of its own to the signed-in user', async () => {
    build(name)
    const example = await start(name, () => ['dist/server.js'], tempFile(), /http:\/\/\S+:\d+/)
    atEnd(() => example.stop().then(() => {}))
    const { url } = example
    const client = createClient<AppJobs>({ url: `${url}/api/jobs`, token: 'secret-of-ann' })
    const seen: number[] = []
    const handle = await client.enqueue('report', { year: 2015 })
    expect(await handle.result({ onUpdate: ({ progress }) => void seen.push(progress) })).toEqual({
      url: '/reports/2015.pdf',
    })
    expect(seen.length).toBeGreaterThan(2)
    const headers = { authorization: 'Bearer secret-of-ann' }
    const accepted = await fetch(`${url}/reports/2016`, { method: 'POST', headers })
    expect([accepted.status, accepted.headers.get('location')]).toEqual([
      202,
      expect.stringMatching(/^\/api\/jobs\/\w/),
    ])
    const { jobId } = (await accepted.json()) as { jobId: string }
    expect((await fetch(`${url}/api/jobs/${jobId}`)).status).toBe(401)
    expect((await fetch(`${url}/reports/2016`, { method: 'POST' })).status).toBe(401)
    const invalid = await fetch(`${url}/reports/1066`, { method: 'POST', headers })
    expect(await invalid.json()).toMatchObject({ status: 422, errors: [{ pointer: '/year' }] })
    expect(await client.job('report', jobId).result()).toEqual({ url: '/reports/2016.pdf' })
    expect(await example.stop(), example.output()).toBe(0)
  })
})

it.each(['express', 'fastify', 'hono', 'next'])('examples/%s has fewer than 60 lines', (name) => {
  const folder = folderOf(name)
  const own = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /\.(tsx?|mjs)$/.test(path) && !/(^|\/)(node_modules|dist|\.next|next-env)/.test(path),
  )
  const lines = own.map((path) => readFileSync(join(folder, path), 'utf8').trimEnd().split('\n').length)
  expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThan(60)
  expect(existsSync(join(folder, 'package.json'))).toBe(true)
})
