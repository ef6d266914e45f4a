import { expect, it } from 'vitest'
import { lastAttempt } from './change.ts'
import { deliveryView } from './delivery-view.ts'
import type { Job } from './job.ts'
import { claim, create, fail } from './rules.ts'

const delivery = (input: string) =>
  create({ id: 'A-webhook', type: 'webhook', owner: 'o', input, maxAttempts: 3, retainFor: 1 }, 0)

it('shows where a delivery goes, and its endpoint if it has one', () => {
  const view = (target: object) => deliveryView({ job: delivery(JSON.stringify(target)), attempts: [] }, false)
  expect(view({ url: 'https://a.example/' })).toMatchObject({ url: 'https://a.example/', status: 'pending' })
  expect(view({ url: 'https://a.example/' })).not.toHaveProperty('endpointId')
  expect(view({ url: 'https://a.example/', endpoint: 'e' })).toMatchObject({ endpointId: 'e' })
})

it('tolerates a damaged delivery', () => {
  expect(deliveryView({ job: delivery('{'), attempts: [] }, true)).toMatchObject({ url: '', deliveryId: 'A-webhook' })
})

it('hides worker names and what was thrown, except from operators', () => {
  const running = claim(delivery('{"url":"https://a.example/"}'), 0, { worker: 'host-1', leaseMs: 30 }) as Job
  const why = { code: 'webhook-refused', message: 'No.', retryable: true, thrown: 'Error: secret' }
  const failed = fail({ ...running, attempt: 3 }, 5, why, 5) as Job
  const shown = (forOperators: boolean) => deliveryView({ job: failed, attempts: [lastAttempt(failed)!] }, forOperators)
  expect(JSON.stringify(shown(false))).not.toMatch(/secret|host-1/)
  expect(shown(false)).toMatchObject({ status: 'exhausted', nextAttemptAt: null, attempts: [{ worker: '' }] })
  expect(shown(true)).toMatchObject({ error: { thrown: 'Error: secret' }, attempts: [{ worker: 'host-1' }] })
})
