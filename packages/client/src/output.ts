import { RequestError } from './errors.ts'
import type { Send } from './requests.ts'

/** What a handler has written since the last chunk. One of the members is there, by the `stream` of the job type. */
export interface OutputChunk {
  /** The run of the handler, counted from 1. A greater one begins anew: forget what earlier ones have written. */
  run: number
  /** With `stream: 'text'`. */
  text?: string
  /** With `stream: 'json'`. */
  messages?: unknown[]
  /** With `stream: 'binary'`. */
  bytes?: Uint8Array
}

/** Reads the live output of a job from its start until it has ended, run by run. Each request waits until there is something new. */
export async function* readOutput(send: Send, path: string, signal?: AbortSignal): AsyncGenerator<OutputChunk, void> {
  let run = 0
  let offset = '-1'
  /** Nothing of this run has come yet. */
  let isEmpty = true
  for (;;) {
    const url = `${path}/output${run === 0 ? '' : `/${run}`}?offset=${offset}&live=long-poll`
    let response: Response
    try {
      response = await send('GET', url, { signal, headers: { prefer: 'wait=30' } })
    } catch (error) {
      // The job has ended without a further run.
      if (run > 1 && isEmpty && error instanceof RequestError && error.status === 404) return
      throw error
    }
    const { headers } = response
    offset = headers.get('stream-next-offset') ?? offset
    run = Number.parseInt(offset, 10)
    if (response.status === 200) {
      isEmpty = false
      yield { run, ...(await contentOf(response)) }
    }
    if (headers.get('stream-closed') === 'true') {
      run++
      offset = '-1'
      isEmpty = true
    }
  }
}

async function contentOf(response: Response): Promise<Omit<OutputChunk, 'run'>> {
  const type = response.headers.get('content-type') ?? ''
  if (type.startsWith('text/plain')) return { text: await response.text() }
  if (type.startsWith('application/json')) return { messages: (await response.json()) as unknown[] }
  return { bytes: new Uint8Array(await response.arrayBuffer()) }
}
