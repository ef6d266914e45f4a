/** The official client and the official requester of tasks, against the demo: a report is made although its worker is killed. */
import { Client, type JSONRPCMessage, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import {
  createTaskSessionFromClient,
  type RawClientDispatch,
  resultFromTaskOutcome,
} from '@modelcontextprotocol/ext-tasks/client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Demo, startDemo } from '../../examples/reports/test/demo.ts'
import { until } from '../until.ts'
import { tasksExtension } from './setup.ts'

let demo: Demo
beforeAll(async () => {
  demo = await startDemo()
})
afterAll(() => demo?.stop())

const alice = { Authorization: 'Bearer demo-alice' }
const clientInfo = { name: 'test', version: '1.0.0' }
/** Half a second for each of a dozen pages. */
const range = { startDate: '2014-01-01', endDate: '2014-12-31', pace: 500 }
const transport = () =>
  new StreamableHTTPClientTransport(new URL('/mcp', demo.url), { requestInit: { headers: alice } })

interface Result {
  content: { type: string; uri?: string; mimeType?: string; text?: string }[]
  structuredContent?: unknown
  isError?: boolean
}

/** The PDF that a result links to. */
async function pdfOf({ content }: Result): Promise<string> {
  const link = content.find(({ type }) => type === 'resource_link')
  expect(link).toMatchObject({ mimeType: 'application/pdf' })
  // Without a credential.
  const response = await fetch(link!.uri!)
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
    .subarray(0, 5)
    .toString()
}

interface View {
  status: string
  progress: number
  attempt: number
}
const view = async (jobId: string) =>
  (await (await fetch(`${demo.url}/api/jobs/${jobId}`, { headers: alice })).json()) as View

/** A report that a client has asked for. */
interface Started {
  jobId: string
  result(): Promise<Result>
  close(): Promise<void>
}

/** Calls the tool, and then `job_status` until the report is there, as a model would. */
async function withJobStatus(version: string, pace = range.pace): Promise<Started> {
  const mode = version === '2026-07-28' ? ({ pin: version } as const) : 'legacy'
  const client = new Client(clientInfo, { versionNegotiation: { mode } })
  await client.connect(transport())
  const call = async (name: string, given: object) =>
    (await client.callTool({ name, arguments: { ...given } })) as Result
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toEqual(['generate-report', 'job_status', 'job_cancel'])
  const wrong = await call('generate-report', { ...range, endDate: '2013-01-01' })
  expect(wrong.isError).toBe(true)
  expect(wrong.content[0]?.text).toContain('must not be before startDate')
  const first = await call('generate-report', { ...range, pace })
  const { jobId = '' } = (first.structuredContent ?? {}) as { jobId?: string }
  const isDone = ({ content }: Result) => content.some(({ type }) => type === 'resource_link')
  const result = async () => {
    for (let found = first; ; found = await call('job_status', { jobId })) if (isDone(found)) return found
  }
  return { jobId, result, close: () => client.close() }
}

/** The requester of tasks polls until its task ends. */
async function withTask(): Promise<Started> {
  const clientCapabilities = { extensions: { [tasksExtension]: {} } }
  const versionNegotiation = { mode: { pin: '2026-07-28' } } as const
  const client = new Client(clientInfo, { versionNegotiation, capabilities: clientCapabilities })
  await client.connect(transport())
  const raw = transport()
  await raw.start()
  raw.setProtocolVersion('2026-07-28')
  let jobId = ''
  const dispatch = dispatchOver(raw, (result) => {
    jobId ||= String(Object(result).taskId ?? '')
  })
  const session = createTaskSessionFromClient(client, {
    endpointId: 'demo',
    rawDispatch: dispatch,
    v2RequestFraming: { protocolVersion: '2026-07-28', clientInfo, clientCapabilities },
  })
  const execution = await session.callTool('generate-report', range)
  const settled = execution.settle()
  await until(() => jobId !== '')
  return {
    jobId,
    result: async () => resultFromTaskOutcome((await settled).outcome) as unknown as Result,
    async close() {
      await session.close()
      await raw.close()
      await client.close()
    },
  }
}

it('the official clients, with tasks and without, drive reports to their PDFs, although the worker is killed', async () => {
  const started = await Promise.all([withJobStatus('2025-11-25'), withTask()])
  const views = () => Promise.all(started.map(({ jobId }) => view(jobId)))
  await until(async () => (await views()).every(({ progress }) => progress > 0))
  const killed = await fetch(`${demo.url}/api/demo/kill-worker`, { method: 'POST', headers: alice })
  expect(await killed.json()).toMatchObject({ killed: expect.any(Number) })
  expect((await views()).map(({ status, attempt }) => [status, attempt])).toEqual(Array(2).fill(['running', 1]))
  for (const { result, close } of started) {
    expect(await pdfOf(await result())).toBe('%PDF-')
    await close()
  }
  expect((await views()).map(({ status, attempt }) => [status, attempt])).toEqual(Array(2).fill(['completed', 2]))
})

it('the official client of the present version, without tasks, makes a report as well', async () => {
  const { result, close } = await withJobStatus('2026-07-28', 0)
  expect(await pdfOf(await result())).toBe('%PDF-')
  await close()
})

/** The client itself refuses results of tasks, so that the requester has a way of its own over the client's transport. */
function dispatchOver(raw: StreamableHTTPClientTransport, seen: (result: unknown) => void): RawClientDispatch {
  const waiting = new Map<unknown, (message: JSONRPCMessage) => void>()
  raw.onmessage = (message) => {
    if ('id' in message) waiting.get(message.id)?.(message)
  }
  let ids = 0
  return async (request, options) => {
    const id = ++ids
    const answer = new Promise<JSONRPCMessage>((resolve) => waiting.set(id, resolve))
    await raw.send(
      { ...(request as object), jsonrpc: '2.0', id } as JSONRPCMessage,
      { headers: options?.context?.headers } as never,
    )
    const message = await answer
    if ('error' in message) return { kind: 'error', error: message.error as never }
    const { result } = message as unknown as { result: never }
    seen(result)
    return { kind: 'result', result }
  }
}
