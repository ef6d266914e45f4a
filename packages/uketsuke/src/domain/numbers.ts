import { UketsukeError } from './errors.ts'

export interface Bounds {
  readonly min: number
  readonly max: number
  /** The unit, such as `milliseconds`. */
  readonly of?: string
}

export const day = 24 * 60 * 60_000
/** The longest allowed duration: times that far ahead are still valid in RFC 3339. */
export const century = 36_525 * day
/** 256 Mi. No engine and no JSON text in this process can hold more. */
export const maxInteger = 256 << 20

/**
 * Validates a numeric option. Returns `usual` if the value is undefined.
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
