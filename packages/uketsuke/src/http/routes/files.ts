import { UketsukeError } from '../../domain/errors.ts'
import type { StoredFile } from '../../domain/file.ts'
import { isFileName } from '../../domain/file.ts'
import { contentDisposition, isDisplayed } from '../content-disposition.ts'
import { FileBody } from '../file-body.ts'
import { fileAnswers, linkAnswer, parameter, problems } from '../openapi/responses.ts'
import { single } from '../query.ts'
import { byteRange } from '../range.ts'
import { logOf } from '../request.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'
import { issueTicket, ticketCaller } from '../ticket-seal.ts'

const file: Route = {
  method: 'GET',
  path: '/{jobId}/files/{fileName}',
  scope: 'jobs:read',
  query: ['ticket'],
  produces: null,
  operation: {
    operationId: 'getJobFile',
    summary: 'Get a file of a completed job, or one range of it.',
    parameters: [parameter.fileTicket, parameter.ifNoneMatch, parameter.range, parameter.ifRange],
    responses: { ...fileAnswers, ...problems(400, 404, 410) },
  },
  async admit(service, options, query, jobId, itemId) {
    const ticket = single(query, 'ticket')
    if (ticket === null) return null
    return ticketCaller(service, options, { purpose: 'file-link', jobId, item: nameOf(itemId) }, ticket)
  },
  async handle({ service, request, owner, jobId, itemId }) {
    const { file, read, url } = await service.file(owner, jobId, nameOf(itemId))
    const headers = headersOf(file)
    if (matches(request.header('if-none-match'), file)) return { status: 304, headers: caching(file), body: null }
    const { contentType } = file
    const location = await url({ contentType, disposition: headers['Content-Disposition'] ?? '' })
    if (location !== null)
      return { status: 307, headers: { Location: location, 'Cache-Control': 'no-store' }, body: null }
    if (request.method === 'HEAD') return { status: 200, headers, body: null }
    const ifRange = request.header('if-range')
    const wanted = ifRange === null || ifRange === etagOf(file) ? request.header('range') : null
    const range = byteRange(wanted, file.bytes)
    if (range === 'unsatisfiable') {
      return { status: 416, headers: { ...caching(file), 'Content-Range': `bytes */${file.bytes}` }, body: null }
    }
    const failed = (err: unknown) => logOf(service, request).error({ err, jobId }, 'reading a file failed')
    const body = new FileBody(service.clock, await read(range), failed)
    if (range === null) return { status: 200, headers, body }
    const { first, last } = range
    const part = { 'Content-Range': `bytes ${first}-${last}/${file.bytes}`, 'Content-Length': String(last - first + 1) }
    return { status: 206, headers: { ...headers, ...part }, body }
  },
}

const link: Route = {
  method: 'POST',
  path: '/{jobId}/files/{fileName}/link',
  scope: 'jobs:read',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'createFileLink',
    summary: 'Create a URL that gives access to this file without a credential, for 15 minutes.',
    responses: { 200: linkAnswer, ...problems(400, 404, 406, 410) },
  },
  async handle({ service, owner, jobId, itemId, caller }) {
    const { file } = await service.file(owner, jobId, nameOf(itemId))
    const { ticket, expiresAt } = await issueTicket(service, { purpose: 'file-link', jobId, item: file.name }, caller)
    const url = `${service.base}/${jobId}/files/${encodeURIComponent(file.name)}?ticket=${ticket}`
    return json({ url, expiresAt }, 200, { 'Cache-Control': 'no-store' })
  },
}

export const files = [file, link]

/** @throws `not-found` for what cannot be the name of a file */
function nameOf(segment: string): string {
  try {
    const name = decodeURIComponent(segment)
    if (isFileName(name)) return name
  } catch {
    // Malformed percent-encoding.
  }
  throw new UketsukeError('not-found')
}

const etagOf = ({ sha256 }: StoredFile) => `"${sha256}"`
const caching = (file: StoredFile) => ({ ETag: etagOf(file), 'Cache-Control': 'private, no-cache' })

const headersOf = (file: StoredFile): Record<string, string> => ({
  ...caching(file),
  'Content-Type': file.contentType,
  'Content-Length': String(file.bytes),
  'Accept-Ranges': 'bytes',
  'Content-Disposition': contentDisposition(file.name, file.contentType),
  'X-Content-Type-Options': 'nosniff',
  // Should a browser show it nevertheless, its scripts do not run, and it does not belong to this origin.
  ...(!isDisplayed(file.contentType) && { 'Content-Security-Policy': "sandbox; default-src 'none'" }),
})

/** A cache may have made the tag weak, or added the suffix of its compression. */
function matches(ifNoneMatch: string | null, { sha256 }: StoredFile): boolean {
  if (ifNoneMatch === null) return false
  return ifNoneMatch.trim() === '*' || ifNoneMatch.includes(`"${sha256}"`) || ifNoneMatch.includes(`"${sha256}-`)
}
