/** For tests of programs that use this package, and for whoever writes a store. Needs no test framework. */
export { memory } from '../store/memory.ts'
export { type ManualClock, manualClock } from './clock.ts'
export { type DispatchSide, type DispatchSuite, dispatchSuite } from './dispatch-suite.ts'
export { type StoreSuite, storeSuite } from './store-suite.ts'
