import { publicFailure } from '../domain/errors.ts'
import { filesOf } from '../domain/file.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { isObject } from '../domain/json.ts'
import { readable } from '../domain/view.ts'
import { issueTicket } from '../http/ticket-seal.ts'
import type { McpContext } from './context.ts'
import { RpcError, rpcCodes } from './rpc-error.ts'

/** The result of a call of a tool. */
export interface ToolResult {
  readonly content: readonly object[]
  readonly structuredContent?: unknown
  readonly isError?: boolean
}

export type ResultContext = Pick<McpContext, 'service' | 'request' | 'caller' | 'client'>

export const text = (sentence: string) => ({ type: 'text', text: sentence })
export const failed = (sentence: string): ToolResult => ({ content: [text(sentence)], isError: true })

/** Failures of the system, not of the tool. */
const ofTheSystem: ReadonlySet<string> = new Set([
  'lease-lost',
  'corrupt',
  'input-unreadable',
  'handler-crashed',
  'out-of-memory',
])

/** The error of a job that failed through no fault of the tool; null for any other. */
export function systemError({ error }: Job): RpcError | null {
  if (error === null || !ofTheSystem.has(error.code)) return null
  const { code, message } = publicFailure(error)
  return new RpcError(rpcCodes.internalError, message, { data: { code } })
}

/** What a job that has ended returns to who called the tool. @throws {RpcError} of `systemError` */
export async function resultOf(context: ResultContext, job: Job): Promise<ToolResult> {
  if (job.status === 'cancelled') return failed(ended.cancelled)
  const broken = systemError(job)
  if (broken !== null) throw broken
  if (job.error !== null) return failed(publicFailure(job.error).message)
  if (!context.caller.canRead)
    return { content: [text('The job has completed. This credential may not read its output.')] }
  const output = job.output === null ? undefined : readable(job.output)
  const content = [...(await writtenBy(context, job)), ...outputContent(output), ...(await links(context, job))]
  if (content.length === 0) content.push(text(ended.completed))
  // Earlier versions allow objects only.
  const structured = output != null && (isObject(output) || !context.client.earlier)
  return structured ? { content, structuredContent: output } : { content }
}

const outputContent = (output: unknown) =>
  output == null ? [] : [text(typeof output === 'string' ? output : JSON.stringify(output))]

/** What of the live output a result holds at most, in bytes. */
const mostWritten = 256 << 10

/** What the handler has written with `output.write`, as far as it is text. */
async function writtenBy({ service, request }: ResultContext, job: Job): Promise<object[]> {
  const mode = service.types.get(job.type)?.stream ?? null
  if (mode !== 'text' && mode !== 'json') return []
  const gone = new AbortController()
  const off = request.onGone(() => gone.abort())
  const output = await service.output(job.owner, job.id, { number: null, start: 'start', signal: gone.signal })
  try {
    const parts: Buffer[] = []
    let bytes = 0
    for (let part = output.part; ; ) {
      parts.push(part.data)
      bytes += part.data.length
      if (part.closed || bytes > mostWritten) break
      const next = await output.next()
      if (next === null) break
      part = next
    }
    const written = Buffer.concat(parts)
    if (written.length === 0) return []
    const cut = written.length > mostWritten
    const shown = new TextDecoder().decode(written.subarray(0, mostWritten))
    // Each message has a comma behind it.
    const whole = mode === 'json' ? `[${cut ? shown : shown.slice(0, -1)}]` : shown
    return [text(cut ? `${whole}\n[The rest is at ${service.base}/${job.id}/output]` : whole)]
  } finally {
    off()
    output.close()
  }
}

/** Links to the files of a job, which need no credential for 15 minutes. */
async function links({ service, request, caller }: ResultContext, job: Job): Promise<object[]> {
  const all: object[] = []
  for (const { name, contentType, bytes } of filesOf(job)) {
    const { ticket } = await issueTicket(service, { purpose: 'file-link', jobId: job.id, item: name }, caller)
    const path = `${service.base}/${job.id}/files/${encodeURIComponent(name)}?ticket=${ticket}`
    const uri = new URL(path, request.request.url).href
    all.push({ type: 'resource_link', uri, name, mimeType: contentType, size: bytes })
  }
  return all
}

const ended = {
  completed: 'The job has completed.',
  failed: 'The job has failed.',
  cancelled: 'The job was cancelled.',
}

/** What a job does, in a sentence. */
export function progressOf(job: Job): string {
  const { status, progress, progressMessage, cancelRequestedAt } = job
  if (isTerminal(job)) return ended[status as keyof typeof ended]
  if (cancelRequestedAt !== null) return 'Being cancelled'
  const message = progressMessage === null ? '' : `: ${progressMessage}`
  if (status === 'running') return `${progress} %${message}`
  return `Waiting to run${message}`
}

/** What a client without tasks gets for a job that still runs. */
export const unfinished = (job: Job) => ({
  content: [
    text(
      `${progressOf(job)}. The job has not ended yet. Call job_status with {"jobId":"${job.id}"} to wait for its result.`,
    ),
  ],
  structuredContent: { jobId: job.id, status: job.status, progress: job.progress },
})
