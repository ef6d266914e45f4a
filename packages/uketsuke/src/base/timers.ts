import { performance as measured } from 'node:perf_hooks'
import * as timers from 'node:timers'
import * as promises from 'node:timers/promises'

/**
 * Node's timers, captured at load time from the modules, not the globals. Otherwise fake timers in a user's tests would
 * block commits forever, because the tests do not advance our timers. All code in `src/` imports its timers from here.
 */
export const { setTimeout, clearTimeout, setImmediate } = timers

/** Resolves after the given number of milliseconds. */
export const pause = promises.setTimeout

/** Taken from the prototype, because fake timers replace the method on the object. */
const prototype: Performance = Object.getPrototypeOf(measured)
const { now } = prototype
export const performance = { now: (): number => now.call(measured) }

export const nextTick: typeof process.nextTick = process.nextTick.bind(process)
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis.queueMicrotask.bind(globalThis)
