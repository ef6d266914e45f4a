'use client'

import { createClient } from '@uketsuke/client'
import { createHooks } from '@uketsuke/client/react'
import type { AppJobs } from '../lib/jobs'

const { useJob } = createHooks(createClient<AppJobs>({ url: '/api/jobs' }))

export default function Page() {
  const { start, progress, progressMessage, output, error, isPending } = useJob('report')
  return (
    <main>
      <button type="button" disabled={isPending} onClick={() => start({ year: 2015 })}>
        Generate report
      </button>
      <progress max={100} value={progress} /> {progressMessage}
      <p role="status">{output?.url ?? error?.message}</p>
    </main>
  )
}
