/**
 * Helpers for testing programs that use this package, and conformance suites for stores and dispatchers. Independent of
 * test frameworks.
 */
export { memory } from '../store/memory.ts'
export { type ManualClock, manualClock } from './clock.ts'
export { type DispatchSide, type DispatchSuite, dispatchSuite } from './dispatch-suite.ts'
export { type StoreSuite, storeSuite } from './store-suite.ts'
