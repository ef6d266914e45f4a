import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { assertConfiguration } from '../base/assert.ts'
import type { ByteRange, FileStorage, RunFolder, SavedFile } from './port.ts'

/**
 * Keeps the files of jobs in a folder of this machine, or of a file system that all processes share. It is created with the first file. A
 * relative path is resolved immediately.
 * @throws {UketsukeError} `invalid-configuration` if the path does not name a folder
 */
export function localFiles(folder: string): FileStorage {
  assertConfiguration(
    typeof folder === 'string' && folder.trim() !== '' && !folder.includes('\0'),
    'localFiles(): the path must name a folder, such as "files"',
  )
  const root = resolve(folder)
  const pathOf = ({ jobId, run }: RunFolder, name: string) => join(root, jobId, run, fileNameOf(name))
  return {
    description: `the folder "${root}"`,
    async save(place, name, data) {
      const path = pathOf(place, name)
      await createFolder(root, dirname(path))
      const temporary = `${path}.${randomBytes(4).toString('hex')}.part`
      try {
        const saved = await write(temporary, data)
        await rename(temporary, path)
        await syncFolder(dirname(path))
        return saved
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => {})
        throw error
      }
    },
    async read(place, name, range) {
      const file = await open(pathOf(place, name), 'r').catch(absent)
      return file === null ? null : read(file, range)
    },
    async remove(jobId, run = '') {
      await rm(join(root, jobId, run), { recursive: true, force: true })
      // The folder of the job, once nothing is left in it. Another run may use it: then it stays.
      if (run !== '') await rmdir(join(root, jobId)).catch(() => {})
    },
    async list(after, limit) {
      const jobs = (await readdir(root).catch(absent)) ?? []
      const page = jobs
        .filter((jobId) => jobId > (after ?? ''))
        .sort()
        .slice(0, limit)
      const runs = page.map(async (jobId) => [jobId, (await readdir(join(root, jobId)).catch(absent)) ?? []] as const)
      return new Map(await Promise.all(runs))
    },
  }
}

/** Any name fits into a path, whatever the file system allows. */
const fileNameOf = (name: string): string => createHash('sha256').update(name).digest('hex')

async function write(path: string, data: AsyncIterable<Uint8Array>): Promise<SavedFile> {
  const [hash, file] = [createHash('sha256'), await open(path, 'wx', 0o600)]
  let bytes = 0
  try {
    for await (const chunk of data) {
      hash.update(chunk)
      bytes += chunk.byteLength
      await file.writeFile(chunk)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { bytes, sha256: hash.digest('hex') }
}

function read(file: FileHandle, range: ByteRange | null): AsyncIterable<Uint8Array> {
  const options = { fd: file, ...(range && { start: range.first, end: range.last }), highWaterMark: 64 << 10 }
  const stream = createReadStream('', options)
  const chunks = stream[Symbol.asyncIterator]()
  let isRead = false
  const next = () => {
    isRead = true
    return chunks.next()
  }
  // An iterator that has not begun does not close its file.
  const close = async () => {
    if (!isRead) stream.destroy()
    await chunks.return?.()
    return { done: true as const, value: undefined }
  }
  return { [Symbol.asyncIterator]: () => ({ next, return: close }) }
}

/** A new entry of a folder is on disk when the folder is. */
async function createFolder(root: string, path: string): Promise<void> {
  if ((await mkdir(path, { recursive: true, mode: 0o700 })) === undefined) return
  for (let parent = dirname(path); parent.length >= root.length; parent = dirname(parent)) await syncFolder(parent)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Null instead of an error for what does not exist. */
function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
