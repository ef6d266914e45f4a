/**
 * Makes free text from a handler or an error safe for every store: well-formed Unicode, no NUL, at most `limit`
 * characters.
 */
export function truncate(text: string, limit = 1_000): string {
  const whole = String(text).replaceAll('\0', '\uFFFD')
  return (whole.length > limit ? `${whole.slice(0, limit - 1)}…` : whole).toWellFormed()
}
