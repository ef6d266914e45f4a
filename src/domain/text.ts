const limit = 1_000

/** Free text from a handler or an error, made fit for every store and screen: well-formed Unicode, no NUL, at most 1,000 characters. */
export function tidy(text: string): string {
  const whole = String(text).replaceAll('\0', '\uFFFD')
  return (whole.length > limit ? `${whole.slice(0, limit - 1)}…` : whole).toWellFormed()
}
