import { assertConfiguration } from '../base/assert.ts'

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds, or a text such as `500ms`, `30s`, `10m`, `1h` or `2d`. */
export type Duration = number | `${number}${keyof typeof units}`

/** @throws {UketsukeError} `invalid-configuration` */
export function milliseconds(duration: Duration): number {
  const [, count = '', unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration)) ?? []
  const ms = typeof duration === 'number' ? duration : count === '' ? Number.NaN : Number(count) * units[unit as 'ms']
  assertConfiguration(ms >= 0 && ms < Number.POSITIVE_INFINITY, `'${duration}' is not a duration such as 500 or '10m'`)
  return Math.ceil(ms)
}
