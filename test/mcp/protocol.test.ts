import { request } from 'node:http'
import { createJobs, job, silentLog, sqlite } from 'uketsuke'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { atEnd } from '../jobs/setup.ts'
import { type Asked, serveTools, type ToolServer } from './setup.ts'

const add = job({
  description: 'Adds two numbers.',
  mcp: { annotations: { title: 'Adder', readOnlyHint: true } },
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  run: ({ input }) => ({ sum: input.a + input.b }),
})
const hidden = job({ input: z.object({}), run: () => 'hidden' })

let server: ToolServer<{ add: typeof add; hidden: typeof hidden }>
beforeAll(async () => {
  server = await serveTools(
    { add, hidden },
    { mcp: { name: 'shop', instructions: 'Add.', allowedOrigins: ['https://a.example'] } },
  )
  await server.jobs.work()
  return () => server.close()
})

const meta = (version = '2026-07-28') => ({
  'io.modelcontextprotocol/protocolVersion': version,
  'io.modelcontextprotocol/clientCapabilities': {},
})
const message = (method: string, params: object = { _meta: meta() }, id: unknown = 7) =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params })
const headers = (method: string, more: Record<string, string> = {}) => ({
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': method,
  ...more,
})
const refusal = async (body: string, asked?: Asked) => {
  const answer = await server.post(body, asked)
  return [answer.status, answer.body.error.code, answer.body.id]
}

describe('an argument with x-mcp-header', () => {
  const annotated = (name: unknown) => z.string().meta({ 'x-mcp-header': name })
  const tool = (input: z.ZodType) =>
    job({ description: 'Deploys.', mcp: { holdMs: 10_000 }, input: input as z.ZodObject, run: ({ input }) => input })
  it('must be repeated in the header field, as text or in base64', async () => {
    const plain = z.object({
      region: annotated('Region'),
      at: z.object({ zone: z.number().meta({ 'x-mcp-header': 'Zone' }) }).optional(),
    })
    const server = await serveTools({ deploy: tool(plain) })
    await server.jobs.work()
    const call = async (args: object, headers: Record<string, string>) => {
      const { status, body } = await server.ask('tools/call', { name: 'deploy', arguments: args }, { headers })
      return body.error?.code ?? status
    }
    const base64 = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`
    expect(await call({ region: 'eu' }, { 'Mcp-Param-Region': 'eu' })).toBe(200)
    expect(await call({ region: 'zürich' }, { 'Mcp-Param-Region': base64('zürich') })).toBe(200)
    expect(await call({ region: 'eu', at: { zone: 1 } }, { 'Mcp-Param-Region': 'eu', 'mcp-param-zone': '1.0' })).toBe(
      200,
    )
    expect(await call({ region: 'eu' }, {})).toBe(-32020)
    expect(await call({ region: 'eu' }, { 'Mcp-Param-Region': 'us' })).toBe(-32020)
    expect(await call({ region: 'eu' }, { 'Mcp-Param-Region': '=?base64?ZXU?=' })).toBe(-32020)
    expect(await call({ region: 'eu' }, { 'Mcp-Param-Region': 'eu', 'Mcp-Param-Zone': '1' })).toBe(-32020)
    expect(await call({ region: 'eu', at: { zone: 0 } }, { 'Mcp-Param-Region': 'eu', 'Mcp-Param-Zone': '' })).toBe(
      -32020,
    )
    await server.close()
  })

  it.each([
    ['no name of a header field', z.object({ a: annotated('a b') })],
    ['no name of a header field', z.object({ a: annotated('') })],
    ['a text, a number or a boolean', z.object({ a: z.object({}).meta({ 'x-mcp-header': 'A' }) })],
    ['no choice', z.object({ a: annotated('A').nullable() })],
    ['the same name twice', z.object({ a: annotated('A'), b: annotated('a') })],
    ['in no list', z.object({ a: z.array(annotated('A')) })],
  ])('is refused at the start: %s', async (sentence, wrong) => {
    const jobs = createJobs({
      jobs: { wrong: tool(wrong) },
      store: sqlite(':memory:'),
      log: silentLog,
      authenticate: () => null,
    })
    expect(() => jobs.mcp()).toThrow(sentence)
    await jobs.close()
  })
})

describe('discovery', () => {
  it('names the version, the capabilities and the server', async () => {
    const { status, headers, body } = await server.ask('server/discover')
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body.result).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } },
      instructions: 'Add.',
      ttlMs: 300_000,
      cacheScope: 'private',
      _meta: {
        'io.modelcontextprotocol/serverInfo': { name: 'shop', version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      },
    })
  })

  it('lists the types that are offered, with their schemas', async () => {
    const { body } = await server.ask('tools/list')
    expect(body.result).toMatchObject({ ttlMs: 300_000, cacheScope: 'private' })
    expect(body.result.tools).toEqual([
      {
        name: 'add',
        title: 'Adder',
        description: 'Adds two numbers.',
        inputSchema: expect.objectContaining({
          type: 'object',
          properties: { a: { type: 'number' }, b: { type: 'number' } },
          required: ['a', 'b'],
        }),
        outputSchema: expect.objectContaining({ type: 'object', required: ['sum'] }),
        annotations: { title: 'Adder', readOnlyHint: true },
      },
    ])
  })

  it('offers two tools more to a client without tasks, and no output schemas', async () => {
    const { body } = await server.ask('tools/list', {}, { tasks: false })
    expect(body.result.tools.map(({ name }: { name: string }) => name)).toEqual(['add', 'job_status', 'job_cancel'])
    expect(body.result.tools[0]).not.toHaveProperty('outputSchema')
  })

  it('has one page', async () => {
    expect((await server.ask('tools/list', { cursor: 'x' })).body.error).toMatchObject({ code: -32602 })
  })
})

describe('a request is refused', () => {
  it.each([
    ['no JSON', '{', -32700],
    ['an array', '[]', -32600],
    ['null', 'null', -32600],
    ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":7,"method":"tools/list"}', -32600],
    ['no method', '{"jsonrpc":"2.0","id":7}', -32600],
    ['a response', '{"jsonrpc":"2.0","id":7,"result":{}}', -32600],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"tools/list"}', -32600],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"tools/list"}', -32600],
    ['params that are a list', '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":[]}', -32600],
    ['a member named __proto__', '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"__proto__":{}}}', -32600],
  ])('with %s, without an id', async (_, body, code) => {
    expect(await refusal(body)).toEqual([400, code, undefined])
  })

  it('without its metadata', async () => {
    for (const params of [{}, { _meta: null }, { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }])
      expect(await refusal(message('tools/list', params), { headers: headers('tools/list') })).toEqual([400, -32602, 7])
  })

  it('of an unknown version, which names those that are known', async () => {
    const body = message('tools/list', { _meta: meta('2099-01-01') })
    const asked = { headers: headers('tools/list', { 'MCP-Protocol-Version': '2099-01-01' }) }
    const answer = await server.post(body, asked)
    expect([answer.status, answer.body.error]).toEqual([
      400,
      {
        code: -32022,
        message: expect.any(String),
        data: { supported: ['2026-07-28'], requested: '2099-01-01' },
      },
    ])
    expect(await refusal(message('tools/list', {}), asked)).toEqual([400, -32022, 7])
  })

  it.each([
    ['no version', { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'add' }],
    ['another version', headers('tools/call', { 'Mcp-Name': 'add', 'MCP-Protocol-Version': '2025-11-25' })],
    ['no method', { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Name': 'add' }],
    ['another method', headers('tasks/get', { 'Mcp-Name': 'add' })],
    ['a method in capitals', headers('TOOLS/CALL', { 'Mcp-Name': 'add' })],
    ['no name', headers('tools/call')],
    ['another name', headers('tools/call', { 'Mcp-Name': 'hidden' })],
    ['another name in base64', headers('tools/call', { 'Mcp-Name': '=?base64?aGlkZGVu?=' })],
  ])('whose header has %s than the body', async (_, given) => {
    const body = message('tools/call', { _meta: meta(), name: 'add', arguments: { a: 1, b: 2 } })
    expect(await refusal(body, { headers: given as Record<string, string> })).toEqual([400, -32020, 7])
  })

  it('of an unknown method, also if objects inherit it', async () => {
    for (const method of ['prompts/list', 'tasks/list', 'tasks/result', 'initialize', 'ping', 'constructor', ''])
      expect(await refusal(message(method), { headers: headers(method) }), method).toEqual([404, -32601, 7])
  })

  it('that is not JSON by its type, or too large', async () => {
    expect(await refusal('{}', { headers: { 'Content-Type': 'text/plain' } })).toEqual([415, -32000, undefined])
    const large = JSON.stringify({ note: 'x'.repeat(1 << 20) })
    const answer = await server.post(large)
    expect([answer.status, answer.body.error.data]).toEqual([413, { code: 'payload-too-large' }])
  })

  it('of nobody', async () => {
    const answer = await server.ask('tools/list', {}, { as: '' })
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect(answer.body.error).toEqual({ code: -32000, message: expect.any(String), data: { code: 'unauthorized' } })
  })

  it('by GET and DELETE', async () => {
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await fetch(`${server.origin}/mcp`, { method })
      expect([status, headers.get('allow')]).toEqual([405, 'POST'])
    }
  })
})

it('reads a name in base64, and ignores spaces around it', async () => {
  const body = message('tools/call', { _meta: meta(), name: 'add', arguments: { a: 1, b: 2 } })
  for (const name of ['=?base64?YWRk?=', '  add  ']) {
    const { body: answer } = await server.post(body, { headers: headers('tools/call', { 'Mcp-Name': name }) })
    expect(answer.result.structuredContent).toEqual({ sum: 3 })
  }
})

it('accepts notifications, and does nothing', async () => {
  for (const method of ['notifications/initialized', 'notifications/cancelled', 'tools/call']) {
    const { status, text } = await server.post(JSON.stringify({ jsonrpc: '2.0', method, params: {} }))
    expect([status, text]).toEqual([202, ''])
  }
})

describe('a web page', () => {
  /** `fetch` sets the field `Host` itself. */
  const from = (origin: string, host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const { port } = new URL(server.origin)
      const fields = { ...headers('tools/list'), host, origin, authorization: 'Bearer ann' }
      const asked = { port, host: '127.0.0.1', method: 'POST', path: '/mcp' }
      request({ ...asked, headers: { ...fields, 'content-type': 'application/json' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end(message('tools/list'))
    })

  it('of this server on a loopback address may call, and one of an origin that is allowed', async () => {
    const { host } = new URL(server.origin)
    expect(await from(server.origin, host)).toBe(200)
    expect(await from('http://localhost:9', 'localhost:9')).toBe(200)
    expect(await from('https://a.example', host)).toBe(200)
  })

  it('of any other origin may not, also if its name leads here', async () => {
    const { host } = new URL(server.origin)
    for (const [origin, at] of [
      ['https://evil.example', host],
      ['http://evil.example', 'evil.example'],
      ['http://127.0.0.1.evil.example', '127.0.0.1.evil.example'],
      ['http://localhost:1', host],
      ['null', host],
      ['https://a.example.evil.example', host],
    ] as const)
      expect(await from(origin, at), origin).toBe(403)
  })
})

describe('a client of an earlier version', () => {
  const earlier = async (method: string, params: object, version = '2025-11-25') => {
    const { body } = await server.post(message(method, params), { headers: { 'MCP-Protocol-Version': version } })
    return body
  }

  it('begins with initialize, and gets its version or the last one', async () => {
    for (const [asked, got] of [
      ['2025-06-18', '2025-06-18'],
      ['2024-11-05', '2025-11-25'],
    ]) {
      const { body } = await server.post(
        message('initialize', { protocolVersion: asked, capabilities: {}, clientInfo: {} }),
      )
      expect(body.result).toEqual({
        protocolVersion: got,
        capabilities: { tools: {} },
        serverInfo: { name: 'shop', version: expect.any(String) },
        instructions: 'Add.',
      })
    }
    expect((await earlier('ping', {})).result).toEqual({})
  })

  it('calls tools without tasks', async () => {
    const { result } = await earlier('tools/list', {})
    expect(Object.keys(result)).toEqual(['tools'])
    expect(result.tools.map(({ name }: { name: string }) => name)).toEqual(['add', 'job_status', 'job_cancel'])
    expect((await earlier('tools/call', { name: 'add', arguments: { a: 1, b: 2 } })).result).toEqual({
      content: [{ type: 'text', text: '{"sum":3}' }],
      structuredContent: { sum: 3 },
    })
    expect((await earlier('tasks/get', { taskId: 'x' })).error).toMatchObject({ code: -32601 })
    expect((await earlier('server/discover', {})).error).toMatchObject({ code: -32601 })
  })
})

describe('jobs.mcp()', () => {
  const input = z.object({})
  const tool = { description: 'Does it.', input, run: () => {} }
  const open = (types: Parameters<typeof createJobs>[0]['jobs'], more = {}) => {
    const jobs = createJobs({
      jobs: types,
      store: sqlite(':memory:'),
      log: silentLog,
      authenticate: () => ({ owner: 'ann' }),
      ...more,
    })
    atEnd(() => jobs.close())
    return jobs
  }

  it('needs owners', () => {
    const jobs = open({ a: job({ ...tool, mcp: true }) }, { authenticate: undefined })
    expect(() => jobs.mcp()).toThrow('authenticate')
  })

  it('refuses what cannot be a tool', () => {
    expect(() => open({ 'a:b': job({ ...tool, mcp: true }) }).mcp()).toThrow('a:b is no name of a tool')
    expect(() => open({ job_status: job({ ...tool, mcp: true }) }).mcp()).toThrow('job_status')
    const same = job({ ...tool, mcp: { name: 'same' } })
    expect(() => open({ a: same, b: same }).mcp()).toThrow('two tools with the name same')
    const text = job({ description: 'Reads.', mcp: true, input: z.string(), run: () => {} })
    expect(() => open({ text }).mcp()).toThrow('must be an object')
    expect(() => open({}).mcp({ allowedOrigins: ['https://a.example/'] })).toThrow('origins')
  })

  it.each([
    [{ ...tool, description: undefined, mcp: true }, 'description'],
    [{ ...tool, description: ' ', mcp: true }, 'description'],
    [{ ...tool, mcp: { name: 'two words' } }, 'mcp.name'],
    [{ ...tool, mcp: { holdMs: -1 } }, 'mcp.holdMs'],
    [{ ...tool, mcp: { holdMs: 50_001 } }, 'mcp.holdMs'],
    [{ ...tool, mcp: { requiresTasks: 'yes' } }, 'mcp.requiresTasks'],
    [{ ...tool, mcp: { annotations: { readonly: true } } }, 'mcp.annotations.readonly'],
    [{ ...tool, mcp: { annotations: { readOnlyHint: 'yes' } } }, 'mcp.annotations.readOnlyHint'],
    [{ ...tool, mcp: 'yes' }, 'mcp must be'],
  ])('job() refuses wrong options: %#', (options, named) => {
    expect(() => job(options as never)).toThrow(
      expect.objectContaining({ code: 'invalid-configuration', message: expect.stringContaining(named) }),
    )
  })

  it('takes a schema that says nothing, and warns', async () => {
    const warned: string[] = []
    const log = { ...silentLog, warn: (_: object, message: string) => void warned.push(message) }
    const silent = { '~standard': { version: 1, vendor: 'own', validate: (value: unknown) => ({ value }) } } as const
    const jobs = open({ any: job({ description: 'Any.', mcp: true, input: silent, run: () => {} }) }, { log })
    jobs.mcp()
    expect(warned).toEqual(['the schema of a tool allows any value for all of it'])
  })
})
