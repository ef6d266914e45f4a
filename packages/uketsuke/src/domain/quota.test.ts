import { expect, it } from 'vitest'
import { QuotaExceeded } from './quota.ts'

const fields = (quota: Partial<QuotaExceeded['quota']>) => {
  const headers = new Headers()
  const whole = { name: 'default', limit: 100, window: 60, remaining: 0, reset: 29.2, ...quota }
  const error = new QuotaExceeded(whole)
  error.describe(headers)
  return { error, policy: headers.get('ratelimit-policy'), state: headers.get('ratelimit') }
}

it('describes a quota as structured fields', () => {
  const { error, policy, state } = fields({})
  expect([error.code, error.message, error.retryAfter]).toEqual(['quota-exceeded', 'Too many requests.', 29.2])
  expect([policy, state]).toEqual(['"default";q=100;w=60', '"default";r=0;t=30'])
})

it('keeps the fields valid for any numbers and names', () => {
  const { policy, state } = fields({ name: 'a"b\\c é', limit: Number.NaN, window: 1e300, remaining: -1 })
  expect([policy, state]).toEqual(['"abc ";q=0;w=999999999999999', '"abc ";r=0;t=30'])
})
