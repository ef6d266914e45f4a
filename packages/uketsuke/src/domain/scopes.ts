/**
 * What a credential may do. `jobs:create` creates and retries jobs, `jobs:read` reads them, `jobs:cancel` cancels and deletes them,
 * `webhooks:manage` manages webhook endpoints and deliveries, and `admin` may do all of these for its own owner. `jobs:write` is short
 * for `jobs:create` and `jobs:cancel`.
 */
export const scopes = ['jobs:create', 'jobs:read', 'jobs:cancel', 'webhooks:manage', 'admin', 'jobs:write'] as const

export type Scope = (typeof scopes)[number]

/** Undefined stands for all scopes. */
export function allows(granted: readonly string[] | undefined, scope: Scope): boolean {
  if (granted === undefined || granted.includes(scope) || granted.includes('admin')) return true
  return (scope === 'jobs:create' || scope === 'jobs:cancel') && granted.includes('jobs:write')
}
