/**
 * Reads the live output of a job, in the Durable Streams protocol, until the job has ended. `@uketsuke/client` does the same in one call.
 * @param {string} jobId
 * @param {(text: string) => void} show gets all that the present run has written
 * @returns {() => void} stops reading
 */
export function readText(jobId, show) {
  const stop = new AbortController()
  read(jobId, show, stop.signal).catch(() => {})
  return () => stop.abort()
}

/** @param {string} jobId @param {(text: string) => void} show @param {AbortSignal} signal */
async function read(jobId, show, signal) {
  let run = ''
  let offset = '-1'
  let text = ''
  while (!signal.aborted) {
    const path = `/api/jobs/${encodeURIComponent(jobId)}/output${run}?offset=${offset}&live=long-poll`
    const response = await fetch(path, { signal }).catch(() => null)
    if (response?.status === 404) return
    if (!response?.ok) {
      // The server is restarting: what was read stays valid.
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      continue
    }
    offset = response.headers.get('Stream-Next-Offset') ?? offset
    const number = Number.parseInt(offset, 10)
    run = `/${number}`
    if (response.status === 200) {
      text += await response.text()
      show(text)
    }
    if (response.headers.get('Stream-Closed') === 'true') {
      if (await isLast(jobId, number)) return
      run = `/${number + 1}`
      offset = '-1'
      text = ''
    }
  }
}

/** Whether no run follows. The job is asked first: after its end, none begins. @param {string} jobId @param {number} run */
async function isLast(jobId, run) {
  const path = `/api/jobs/${encodeURIComponent(jobId)}`
  const job = await (await fetch(path)).json()
  const { headers } = await fetch(`${path}/output`, { method: 'HEAD' })
  return job.completedAt !== null && Number.parseInt(headers.get('Stream-Next-Offset') ?? '', 10) === run
}
