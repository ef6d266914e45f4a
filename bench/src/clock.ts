/** Milliseconds of the machine's monotonic clock, which all its processes share: a time told by one can be subtracted in another. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

/** Of an even number the mean of both in the middle: the lower one would flatter latencies. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
}
