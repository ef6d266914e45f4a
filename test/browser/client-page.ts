/** The page of the browser tests: what a front end would import, for the tests to use. */
import { createElement, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { createClient } from '../../packages/client/src/index.ts'
import { createHooks } from '../../packages/client/src/react/index.ts'

interface AppJobs {
  held: { input: { name: string }; output: { name: string; attempt: number } }
}

const client = createClient<AppJobs>({ url: '/api/jobs' })
const { useJob } = createHooks(client)

/** A button and a bar, as in an app. */
function HeldJob({ name, jobId }: { name: string; jobId?: string | undefined }) {
  const { start, cancel, job, status, progress, output, error, isPending } = useJob('held', { jobId })
  const text = output ? `${output.name} in attempt ${output.attempt}` : (error?.message ?? `${status} ${progress}`)
  return createElement(
    'section',
    { id: name, 'data-job': job?.jobId, 'data-pending': isPending },
    createElement('button', { type: 'button', onClick: () => void start({ name }) }, 'Start'),
    createElement('button', { type: 'button', onClick: () => void cancel() }, 'Cancel'),
    createElement('output', null, text),
  )
}

function App({ jobs }: { jobs: { name: string; jobId?: string }[] }) {
  const [hidden, setHidden] = useState(false)
  return createElement(
    'main',
    null,
    createElement('button', { id: 'toggle', type: 'button', onClick: () => setHidden(!hidden) }, 'Toggle'),
    ...(hidden ? [] : jobs.map((one) => createElement(HeldJob, { key: one.name, ...one }))),
  )
}

const root = createRoot(document.getElementById('root') as HTMLElement)
const mount = (jobs: { name: string; jobId?: string }[]) =>
  root.render(createElement(StrictMode, null, createElement(App, { jobs })))

Object.assign(window, { client, mount })

declare global {
  interface Window {
    client: typeof client
    mount: typeof mount
  }
}
