/** Milliseconds of the machine's monotonic clock, which all its processes share: a time told by one can be subtracted in another. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

export const median = (values: readonly number[]): number => percentile(values, 0.5)
