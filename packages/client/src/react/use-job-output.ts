import { useMemo, useSyncExternalStore } from 'react'
import type { OutputChunk } from '../output.ts'

/** The live output of a job that a component shows. */
export interface UseJobOutputResult {
  /** All that the present run has written, with `stream: 'text'`. */
  text: string
  /** The same with `stream: 'json'`. */
  messages: readonly unknown[]
  /** The run of the handler, counted from 1; 0 before the first output. */
  run: number
  /** The job has ended, and all of its output is here. */
  isDone: boolean
  /** The `RequestError` that ended the reading. */
  error: Error | null
}

/** The part of a client that the hook needs. */
export interface OutputClient {
  job(jobId: string): { output(options: { signal: AbortSignal }): AsyncIterable<OutputChunk> }
}

const none: UseJobOutputResult = { text: '', messages: [], run: 0, isDone: false, error: null }

export function useOutputOf(client: OutputClient, jobId: string | null | undefined): UseJobOutputResult {
  const store = useMemo(() => storeOf(client, jobId), [client, jobId])
  return useSyncExternalStore(store.subscribe, store.get, store.get)
}

/** Reads only while a component is mounted, and from the start when it is mounted again. */
function storeOf(client: OutputClient, jobId: string | null | undefined) {
  let snapshot = none
  return {
    get: () => snapshot,
    subscribe(changed: () => void) {
      if (!jobId) return () => {}
      const stop = new AbortController()
      const show = (next: UseJobOutputResult) => {
        if (stop.signal.aborted) return
        snapshot = next
        changed()
      }
      const read = async () => {
        for await (const { run, text = '', messages = [] } of client.job(jobId).output({ signal: stop.signal })) {
          const before = run === snapshot.run ? snapshot : none
          show({ ...before, run, text: before.text + text, messages: [...before.messages, ...messages] })
        }
        show({ ...snapshot, isDone: true })
      }
      snapshot = none
      read().catch((error: Error) => show({ ...snapshot, error }))
      return () => stop.abort()
    },
  }
}
