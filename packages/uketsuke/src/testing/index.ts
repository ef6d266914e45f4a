/**
 * Helpers for testing programs that use this package, and conformance suites for stores and dispatchers. Independent of
 * test frameworks.
 */
export { memory } from '../store/memory.ts'
export { type ManualClock, manualClock } from './clock.ts'
export { type DispatchSide, type DispatchSuite, dispatchSuite } from './dispatch-suite.ts'
export type { Duration } from './duration.ts'
export type { RunJobOptions } from './run-job.ts'
export { type StoreSuite, storeSuite } from './store-suite.ts'
export { createTestJobs, type Drained, type TestJobs, type TestJobsOptions } from './test-jobs.ts'
export type { CapturedWebhook } from './webhooks.ts'
