import { createHash } from 'node:crypto'
import type { AwsClient } from 'aws4fetch'
import { assertConfiguration } from '../base/assert.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { FileStorage, RunFolder } from './port.ts'

export type { FileStorage } from './port.ts'

export interface S3Options {
  bucket: string
  /** The URL of the service, such as `https://s3.eu-central-1.amazonaws.com`. The bucket is in the path. */
  endpoint: string
  /** Default: `us-east-1`, which most services other than AWS accept. */
  region?: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  /** What the keys of the objects begin with, such as `uketsuke/`. Default: nothing. */
  prefix?: string
}

/** Parts of a multipart upload are at least 5 MiB. One is in memory at a time. */
const partBytes = 8 << 20
/** How long a URL for a client is valid, in seconds. */
const urlSeconds = 300

/**
 * Keeps the files of jobs in a bucket of S3 or a compatible service. Clients load them from there, by URLs that are valid for five minutes.
 * Requires the package `aws4fetch`.
 * @throws {UketsukeError} `invalid-configuration` if an option is missing
 */
export function s3Files(options: S3Options): FileStorage {
  for (const name of ['bucket', 'endpoint', 'accessKeyId', 'secretAccessKey'] as const) {
    const given: unknown = options?.[name]
    assertConfiguration(typeof given === 'string' && given !== '', `s3Files(): ${name} is required`)
  }
  assertConfiguration(URL.canParse(options.endpoint), 's3Files(): endpoint must be a URL')
  const { bucket, endpoint, prefix = '' } = options
  const root = `${endpoint.replace(/\/+$/, '')}/${encodeURIComponent(bucket)}`
  const keyOf = ({ jobId, run }: RunFolder, name: string) =>
    `${prefix}${jobId}/${run}/${createHash('sha256').update(name).digest('hex')}`
  const urlOf = (key: string, query = '') => `${root}/${key.split('/').map(encodeURIComponent).join('/')}${query}`
  let client: Promise<AwsClient> | null = null

  async function send(method: string, url: string, init: RequestInit = {}): Promise<Response> {
    client ??= load(options)
    const response = await (await client).fetch(url, { method, ...init })
    if (response.ok || response.status === 404) return response
    const said = (await response.text()).slice(0, 500)
    throw new FileStorageError(`The file storage responded with ${response.status} to ${method}: ${said}`)
  }

  /** The keys that begin with `start`, in order, after `after`. */
  async function keys(start: string, after: string): Promise<{ keys: string[]; more: boolean }> {
    const query = new URLSearchParams({ 'list-type': '2', prefix: start, 'encoding-type': 'url' })
    if (after !== '') query.set('start-after', after)
    const text = await (await send('GET', `${root}?${query}`)).text()
    const found = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => decodeURIComponent(key))
    return { keys: found, more: text.includes('<IsTruncated>true</IsTruncated>') }
  }

  async function upload(key: string, data: AsyncIterable<Uint8Array>): Promise<void> {
    let id: string | null = null
    const tags: string[] = []
    try {
      for await (const { part, isLast } of parts(data)) {
        if (isLast && id === null) return void (await found(send('PUT', urlOf(key), { body: part })))
        id ??= await begin(key)
        const query = `?partNumber=${tags.length + 1}&uploadId=${encodeURIComponent(id)}`
        const { headers } = await found(send('PUT', urlOf(key, query), { body: part }))
        tags.push(headers.get('etag') ?? '')
      }
      const list = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag}</ETag></Part>`)
      const body = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`
      const said = await (
        await found(send('POST', urlOf(key, `?uploadId=${encodeURIComponent(id ?? '')}`), { body }))
      ).text()
      // This request may fail after its status was sent.
      if (said.includes('<Error>'))
        throw new FileStorageError(`The file storage refused an upload: ${said.slice(0, 500)}`)
    } catch (error) {
      if (id !== null) await send('DELETE', urlOf(key, `?uploadId=${encodeURIComponent(id)}`)).catch(() => {})
      throw error
    }
  }

  async function begin(key: string): Promise<string> {
    const text = await (await found(send('POST', urlOf(key, '?uploads')))).text()
    const [, id] = /<UploadId>([^<]+)<\/UploadId>/.exec(text) ?? []
    if (id === undefined) throw new FileStorageError('The file storage did not begin an upload.')
    return id
  }

  return {
    description: `the bucket "${bucket}" at ${new URL(endpoint).host}`,
    async save(folder, name, data) {
      const hash = createHash('sha256')
      let bytes = 0
      async function* counted() {
        for await (const chunk of data) {
          hash.update(chunk)
          bytes += chunk.byteLength
          yield chunk
        }
      }
      await upload(keyOf(folder, name), counted())
      return { bytes, sha256: hash.digest('hex') }
    },
    async read(folder, name, range) {
      const part = range && { headers: { range: `bytes=${range.first}-${range.last}` } }
      const response = await send('GET', urlOf(keyOf(folder, name)), part ?? {})
      if (response.status === 404) return null
      return (response.body ?? new Blob().stream()) as unknown as AsyncIterable<Uint8Array>
    },
    async url(folder, name, { contentType, disposition }) {
      client ??= load(options)
      const query = new URLSearchParams({
        'X-Amz-Expires': String(urlSeconds),
        'response-content-type': contentType,
        'response-content-disposition': disposition,
      })
      const url = urlOf(keyOf(folder, name), `?${query.toString().replaceAll('+', '%20')}`)
      return (await (await client).sign(url, { aws: { signQuery: true } })).url
    },
    async remove(jobId, run) {
      const start = `${prefix}${jobId}/${run === undefined ? '' : `${run}/`}`
      for (let more = true; more; ) {
        const page = await keys(start, '')
        await Promise.all(page.keys.map((key) => send('DELETE', urlOf(key))))
        more = page.more
      }
    },
    async list(after, limit) {
      // A dot follows the slash that ends the id, so that this is behind all files of the job.
      const page = await keys(prefix, after === null ? '' : `${prefix}${after}0`)
      const runs = new Map<string, Set<string>>()
      for (const key of page.keys) {
        const [jobId = '', run = ''] = key.slice(prefix.length).split('/')
        if (run !== '') runs.set(jobId, (runs.get(jobId) ?? new Set()).add(run))
      }
      const jobs = [...runs].map(([jobId, all]): [string, string[]] => [jobId, [...all]])
      // The page may have ended within the last job.
      const whole = page.more && jobs.length > 1 ? jobs.slice(0, -1) : jobs
      return new Map(whole.slice(0, limit))
    },
  }
}

class FileStorageError extends Error {
  override readonly name = 'FileStorageError'
}

async function found(sent: Promise<Response>): Promise<Response> {
  const response = await sent
  if (response.status !== 404) return response
  throw new FileStorageError('The file storage has no such bucket.')
}

async function load({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  region = 'us-east-1',
}: S3Options): Promise<AwsClient> {
  const { AwsClient } = await import('aws4fetch').catch((cause: unknown) => {
    const sentence = 's3Files() requires the package aws4fetch, which is not installed: run npm install aws4fetch'
    throw new UketsukeError('invalid-configuration', sentence, { cause })
  })
  const token = sessionToken === undefined ? {} : { sessionToken }
  return new AwsClient({ accessKeyId, secretAccessKey, ...token, region, service: 's3', retries: 3 })
}

/** Pieces of one size, and a last one that is smaller, and may be empty. */
async function* parts(data: AsyncIterable<Uint8Array>): AsyncGenerator<{ part: Buffer<ArrayBuffer>; isLast: boolean }> {
  let waiting: Uint8Array[] = []
  let size = 0
  for await (const chunk of data) {
    waiting.push(chunk)
    size += chunk.byteLength
    while (size >= partBytes) {
      const all = Buffer.concat(waiting)
      yield { part: all.subarray(0, partBytes), isLast: false }
      waiting = [all.subarray(partBytes)]
      size -= partBytes
    }
  }
  yield { part: Buffer.concat(waiting), isLast: true }
}
