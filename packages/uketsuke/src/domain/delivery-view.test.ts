import { expect, it } from 'vitest'
import { deliveryView } from './delivery-view.ts'
import { create } from './rules.ts'

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
