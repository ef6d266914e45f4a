/** Where one run of a handler keeps its files. */
export interface RunFolder {
  readonly jobId: string
  /** Unique among the runs of the job: the number of the attempt, a dot, and a random part. */
  readonly run: string
}

export interface SavedFile {
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
}

/** A part of a file, in bytes: the first and the last. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * Keeps the files of jobs. Names are any text that `isFileName` accepts; a storage must not use them as paths. A run writes its own files
 * only, so that a worker which has lost its lease cannot change those of another.
 */
export interface FileStorage {
  /** For operators. */
  readonly description: string
  /**
   * Stores a file, which replaces one with the same name. When the promise resolves, it is as durable as the storage can make it. An
   * incomplete file is never visible.
   */
  save(folder: RunFolder, name: string, data: AsyncIterable<Uint8Array>): Promise<SavedFile>
  /** Opens a file. Null if it does not exist. */
  read(folder: RunFolder, name: string, range: ByteRange | null): Promise<AsyncIterable<Uint8Array> | null>
  /** A URL from which a client can load the file itself for some minutes. Absent if the server sends it. */
  url?(folder: RunFolder, name: string, headers: { contentType: string; disposition: string }): Promise<string>
  /** Removes the files of one run, or of all runs of a job. */
  remove(jobId: string, run?: string): Promise<void>
  /** The runs that have files, by job id: up to `limit` jobs after `after`, in bytewise order. */
  list(after: string | null, limit: number): Promise<Map<string, string[]>>
}
