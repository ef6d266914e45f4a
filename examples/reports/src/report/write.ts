/** Formats numbers and dates. */

// Created once: toLocaleString() would create a formatter for each of thousands of numbers.
const formatters = [0, 1].map(
  (decimals) =>
    new Intl.NumberFormat('en', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      signDisplay: 'negative',
    }),
)

/** Formats a number with a real minus sign, as wide as a plus, and without a sign for zero. */
export function number(value: number, decimals: 0 | 1 = 1): string {
  return formatters[decimals]!.format(value).replace('-', '\u2212')
}

export const degrees = (value: number) => `${number(value)} °C`
export const millimetres = (value: number) => `${number(value, 0)} mm`
export const metresPerSecond = (value: number) => `${number(value)} m/s`
export const dayCount = (days: number) => (days === 1 ? '1 day' : `${number(days, 0)} days`)

const format = (options: Intl.DateTimeFormatOptions) => {
  const formatter = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options })
  return (date: string) => formatter.format(new Date(date))
}

export const longDate = format({ day: 'numeric', month: 'long', year: 'numeric' })
export const shortDate = format({ day: 'numeric', month: 'short', year: 'numeric' })
export const weekday = format({ weekday: 'short' })
/** Also accepts YYYY-MM. */
export const monthName = format({ month: 'long', year: 'numeric' })
export const monthInitial = format({ month: 'narrow' })
