import { expect, it } from 'vitest'
import { allows } from './scopes.ts'

it('allows what is granted, and everything without scopes or with admin', () => {
  expect(allows(['jobs:read'], 'jobs:read')).toBe(true)
  expect(allows(['jobs:read'], 'jobs:create')).toBe(false)
  expect(allows([], 'jobs:read')).toBe(false)
  expect(allows(undefined, 'webhooks:manage')).toBe(true)
  expect(allows(['admin'], 'webhooks:manage')).toBe(true)
})

it('takes jobs:write for jobs:create and jobs:cancel, and nothing else', () => {
  const granted = (['jobs:create', 'jobs:cancel', 'jobs:read', 'webhooks:manage'] as const).filter((scope) =>
    allows(['jobs:write'], scope),
  )
  expect(granted).toEqual(['jobs:create', 'jobs:cancel'])
})
