import { createHash } from 'node:crypto'
import type { FileStorage, RunFolder } from './port.ts'

/** Keeps files in memory, for stores that keep jobs there, and for tests. */
export function memoryFiles(): FileStorage {
  const jobs = new Map<string, Map<string, Map<string, Buffer>>>()
  const runs = (jobId: string) => jobs.get(jobId) ?? new Map<string, Map<string, Buffer>>()
  return {
    description: 'memory: files are lost when the process ends',
    async save({ jobId, run }: RunFolder, name, data) {
      const chunks: Uint8Array[] = []
      for await (const chunk of data) chunks.push(Buffer.from(chunk))
      const file = Buffer.concat(chunks)
      const files = runs(jobId).get(run) ?? new Map<string, Buffer>()
      jobs.set(jobId, runs(jobId).set(run, files.set(name, file)))
      return { bytes: file.length, sha256: createHash('sha256').update(file).digest('hex') }
    },
    async read({ jobId, run }, name, range) {
      const file = runs(jobId).get(run)?.get(name)
      return file === undefined ? null : chunksOf(range === null ? file : file.subarray(range.first, range.last + 1))
    },
    async remove(jobId, run) {
      if (run === undefined) jobs.delete(jobId)
      else runs(jobId).delete(run)
    },
    async list(after, limit) {
      const ids = [...jobs.keys()].filter((id) => id > (after ?? '')).sort()
      return new Map(ids.slice(0, limit).map((id) => [id, [...runs(id).keys()]]))
    },
  }
}

async function* chunksOf(file: Buffer): AsyncGenerator<Uint8Array> {
  if (file.length > 0) yield file
}
