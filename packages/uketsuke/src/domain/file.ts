import type { Job } from './job.ts'

/** A file that a handler has saved, as it is listed in its job. */
export interface StoredFile {
  readonly name: string
  readonly contentType: string
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
  /** The run of the handler that saved it. With the id of the job and the name, this is where the storage has it. */
  readonly run: string
}

/** How many files a job may have. */
export const mostFiles = 100

// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are refused, and those that change the direction of text.
const refused = /[\u0000-\u001f\u007f-\u009f/\\\u202a-\u202e\u2066-\u2069]/

/** 1 to 255 characters, without slashes, control characters and a leading dot. */
export const isFileName = (name: unknown): name is string =>
  typeof name === 'string' && /^[^.]/s.test(name) && name.length <= 255 && name.isWellFormed() && !refused.test(name)

/** A media type with its parameters, in a form that is safe in a header field. */
export const isContentType = (type: unknown): type is string =>
  typeof type === 'string' &&
  type.length <= 255 &&
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?: *; *[\w.+-]+=(?:[\w.+-]+|"[\w .:;=+/-]*"))*$/.test(type)

const types: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  csv: 'text/csv; charset=utf-8',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  gif: 'image/gif',
  gz: 'application/gzip',
  html: 'text/html; charset=utf-8',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  md: 'text/markdown; charset=utf-8',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'application/xml',
  zip: 'application/zip',
}

/** The media type of a file whose handler named none, by its extension. */
export function contentTypeOf(name: string): string {
  const extension = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(types, extension) ? (types[extension] as string) : 'application/octet-stream'
}

export const filesText = (files: readonly StoredFile[]): string | null =>
  files.length === 0 ? null : JSON.stringify(files)

/** The files of a job. A damaged list is empty. */
export function filesOf({ files }: Pick<Job, 'files'>): readonly StoredFile[] {
  if (files === null) return []
  try {
    const list: unknown = JSON.parse(files)
    return Array.isArray(list) ? list.filter((one) => isFileName(one?.name)) : []
  } catch {
    return []
  }
}
