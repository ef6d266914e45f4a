/**
 * Loaded before every test file: no test may log a secret. All lines of `silentLog`, which nearly every test uses, and of loggers that
 * write to the console are searched, at every level.
 */
import { inspect } from 'node:util'
import { afterEach, expect } from 'vitest'
import { silentLog } from '../packages/uketsuke/src/base/log.ts'

const secrets: Readonly<Record<string, RegExp>> = {
  'a webhook secret': /whsec_[\w+/=]{16,}/,
  'an API key': /uk_[0-9a-z]{16}_[0-9a-f]{64}/,
  'a stream ticket': /[?&]ticket=[\w-]{16,}/,
  'a credential': /\b(?:Bearer|Basic) +[\w.~+/-]{3,}/,
  'a password in a URL': /:\/\/[^/\s:@'"]*:(?!\*+@)[^/\s@'"]+@/,
  'the body of a webhook': /"type":"job\.(?:completed|failed|cancelled)","timestamp"/,
}

const found: string[] = []

export function search(line: string): string[] {
  return Object.entries(secrets).flatMap(([what, pattern]) => (pattern.test(line) ? [`${what}: ${line}`] : []))
}

for (const level of ['info', 'warn', 'error'] as const) {
  silentLog[level] = (fields: object, message: string) => {
    found.push(...search(`${message} ${inspect(fields, { depth: 8, breakLength: Number.POSITIVE_INFINITY })}`))
  }
}

afterEach(() => {
  expect(found.splice(0), 'a log line contains a secret').toEqual([])
})
