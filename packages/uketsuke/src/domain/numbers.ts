import { UketsukeError } from './errors.ts'

export interface Bounds {
  readonly min: number
  readonly max: number
  /** What is counted, such as `milliseconds`. */
  readonly of?: string
}

export const day = 24 * 60 * 60_000
/** How far ahead anything may lie: with it a time is still one that RFC 3339 can say. */
export const century = 36_525 * day
/** No engine and no JSON text of this process holds more. */
export const maxInteger = 256 << 20

/**
 * The one check for the numbers of options. What is left out, or undefined, is `usual`.
 * @throws {UketsukeError} `invalid-configuration` for anything but a whole number within the bounds
 */
export function integerOption(name: string, value: unknown, usual: number, { min, max, of }: Bounds): number {
  if (value === undefined) return usual
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
    return value === 0 ? 0 : value
  const given = typeof value === 'number' ? String(value) : value === null ? 'null' : `a ${typeof value}`
  const what = of === undefined ? 'a whole number' : `a whole number of ${of}`
  throw new UketsukeError(
    'invalid-configuration',
    `${name} must be ${what} from ${shown(min)} to ${shown(max)}, not ${given}.`,
  )
}

const shown = (bound: number) => bound.toLocaleString('en-US')
