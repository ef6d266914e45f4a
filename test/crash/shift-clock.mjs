/** Preloaded: shifts this process's clock by CLOCK_SKEW milliseconds, for `Date.now()` and `new Date()`. */
const skew = Number(process.env.CLOCK_SKEW)
const { now } = Date
Date.now = () => now() + skew
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length === 0 ? [Date.now()] : given))
  }
}
