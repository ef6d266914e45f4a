import { language, t } from './language.ts'

/** `1.2 s`, `3 min`, `2 h`, `5 d`. */
export function duration(ms: number | null): string {
  if (ms === null) return '–'
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ] as const
  for (const [length, unit] of units) {
    if (ms >= length) return `${short(ms / length)} ${unit}`
  }
  return `${Math.round(ms)} ms`
}

const short = (n: number) => (n < 10 ? Math.round(n * 10) / 10 : Math.round(n)).toString()

export const count = (n: number, most?: number): string =>
  most !== undefined && n >= most ? `${most.toLocaleString(language())}+` : n.toLocaleString(language())

export const percent = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${Math.round((part / whole) * 1000) / 10} %`

export const time = (ms: number): string =>
  new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'medium' }).format(ms)

/** The local time in another zone, with its name. */
export const timeIn = (ms: number, timeZone: string): string =>
  new Intl.DateTimeFormat(language(), {
    ...({ year: 'numeric', month: 'short', day: 'numeric' } as const),
    ...({ hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone, timeZoneName: 'short' } as const),
  }).format(ms)

/** `3 min ago`, `in 2 s`. */
export function ago(ms: number, now: number): string {
  const passed = now - ms
  if (Math.abs(passed) < 1_000) return t('now')
  return passed > 0 ? t('ago', duration(passed)) : t('in', duration(-passed))
}

export const bytes = (n: number): string => `${Math.round(n / 1024 / 1024).toLocaleString(language())} MiB`
