import { performance as measured } from 'node:perf_hooks'
import * as timers from 'node:timers'
import * as promises from 'node:timers/promises'

/**
 * Node's own timers, taken when this is loaded and from the modules, not from the globals. A program whose tests put fake timers in
 * their place would otherwise wait for ever for a commit: nobody moves ours on. Everything in `src/` takes its timers from here.
 */
export const { setTimeout, clearTimeout, setImmediate } = timers

/** Resolves after so many milliseconds. */
export const pause = promises.setTimeout

/** From the prototype: fake timers put theirs on the object. */
const prototype: Performance = Object.getPrototypeOf(measured)
const { now } = prototype
export const performance = { now: (): number => now.call(measured) }

export const nextTick: typeof process.nextTick = process.nextTick.bind(process)
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis.queueMicrotask.bind(globalThis)
