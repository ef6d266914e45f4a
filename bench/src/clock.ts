/** Milliseconds of the machine's monotonic clock. All processes share it, so their times can be subtracted from one another. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN
}

/** For an even number of values, the mean of the two in the middle: the lower one alone would understate latencies. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
}
