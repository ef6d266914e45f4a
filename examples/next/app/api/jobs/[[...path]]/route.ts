import type { NextRequest } from 'next/server'
import { nextJobs } from 'uketsuke/next'
import { jobs } from '../../../../lib/jobs'

export const { GET, POST, DELETE } = nextJobs(jobs, {
  // Your session, for example from Auth.js.
  identify: ({ cookies }: NextRequest) => ({ owner: cookies.get('user')?.value ?? 'guest' }),
})
