/** React hooks and TanStack Query options for the jobs of a client. */

export { jobQueryOptions } from './query-options.ts'
export { createHooks, type Hooks, type UseJobOptions, type UseJobResult } from './use-job.ts'
export type { UseJobOutputResult } from './use-job-output.ts'
