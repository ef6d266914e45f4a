import { randomBytes } from 'node:crypto'
import { text } from '../base/thrown.ts'
import type { FileData, JobFiles, SaveOptions } from '../definition/context.ts'
import { UketsukeError } from '../domain/errors.ts'
import { contentTypeOf, filesText, isContentType, isFileName, mostFiles, type StoredFile } from '../domain/file.ts'
import { chunksOf } from '../files/data.ts'
import type { FileStorage } from '../files/port.ts'
import { Unawaited } from './unawaited.ts'

/** The part of a held job that its files need. */
interface Held {
  readonly lease: { readonly id: string; readonly attempt: number }
  throwIfAborted(): void
}

/** The files that one run of a handler saves. */
export class RunFiles implements JobFiles {
  readonly #held: Held
  readonly #storage: FileStorage | null
  readonly #run: string
  readonly #saved = new Map<string, StoredFile>()
  /** The last save of each name: two with the same name take turns. */
  readonly #saving = new Map<string, Promise<unknown>>()
  readonly #calls = new Unawaited()

  constructor(held: Held, storage: FileStorage | null) {
    this.#held = held
    this.#storage = storage
    this.#run = `${held.lease.attempt}.${randomBytes(6).toString('hex')}`
  }

  readonly save = (name: string, data: FileData, options: SaveOptions = {}) => {
    const before = this.#saving.get(name)
    if (before === undefined && this.#saving.size >= mostFiles) return this.#calls.add(Promise.reject(tooMany()))
    const saved = Promise.resolve(before?.catch(() => {})).then(() => this.#save(name, data, options))
    this.#saving.set(name, saved)
    saved.catch(() => {
      if (this.#saving.get(name) === saved && !this.#saved.has(name)) this.#saving.delete(name)
    })
    return this.#calls.add(saved)
  }

  async #save(name: string, data: FileData, { contentType = contentTypeOf(String(name)) }: SaveOptions) {
    const storage = this.#checked(name, contentType)
    this.#held.throwIfAborted()
    const { id: jobId } = this.#held.lease
    const saved = await storage.save({ jobId, run: this.#run }, name, this.#whileHeld(chunksOf(data))).catch(notSaved)
    this.#saved.set(name, { name, contentType, ...saved, run: this.#run })
    return { name, ...saved }
  }

  #checked(name: string, contentType: string): FileStorage {
    if (!isFileName(name)) {
      throw new UketsukeError(
        'invalid-file',
        'A file name must have 1 to 255 characters, without slashes, control characters and a leading dot.',
      )
    }
    if (!isContentType(contentType)) throw new UketsukeError('invalid-file', 'The content type of a file is not valid.')
    if (this.#storage !== null) return this.#storage
    throw new UketsukeError('invalid-configuration', 'createJobs(): files is required to save files with this store.')
  }

  /** A run that has ended writes nothing more. */
  async *#whileHeld(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#held.throwIfAborted()
      yield chunk
    }
  }

  /** The list for the job, once all files are saved. @throws the error of one that was not, unless the handler got it */
  async finished(): Promise<string | null> {
    await this.#calls.settled()
    // In the order in which they were named first.
    return filesText([...this.#saving.keys()].flatMap((name) => this.#saved.get(name) ?? []))
  }

  /** Removes what a run that did not complete its job has saved. */
  async discard(): Promise<void> {
    await Promise.allSettled(this.#saving.values())
    await this.#storage?.remove(this.#held.lease.id, this.#run)
  }
}

const tooMany = () => new UketsukeError('invalid-file', `A job has at most ${mostFiles} files.`)

/** Errors of the operating system have a `syscall`. Any other comes from the data. */
function notSaved(error: unknown): never {
  if (text(error, 'syscall') === '' && text(error, 'name') !== 'FileStorageError') throw error
  const full = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(text(error, 'code'))
  const sentence = full ? 'The disk of the file storage is full.' : 'The file storage failed.'
  throw new UketsukeError('file-not-saved', sentence, { cause: error })
}
