import { UketsukeError } from '../domain/errors.ts'
import { checkOwner } from '../domain/identifiers.ts'
import type { Endpoints } from '../notify/endpoints.ts'
import type { JobService } from '../service.ts'
import type { WebhookEndpoints } from './jobs.ts'

/** The verbs of `jobs.webhookEndpoints`. */
export function endpointVerbs(service: JobService): WebhookEndpoints {
  const of = (owner: string): Endpoints => {
    checkOwner(owner)
    if (service.endpoints !== null) return service.endpoints
    throw new UketsukeError('invalid-configuration', 'webhookEndpoints: createJobs() needs webhooks.endpoints.')
  }
  return {
    create: async ({ owner, ...request }) => of(owner).create(owner, request),
    list: async ({ owner }) => of(owner).list(owner),
    get: async (id, { owner }) => of(owner).get(owner, id),
    remove: async (id, { owner }) => of(owner).remove(owner, id),
    disable: async (id, { owner }) => of(owner).disable(owner, id),
    enable: async (id, { owner }) => of(owner).enable(owner, id),
    rotateSecret: async (id, { owner }) => of(owner).rotateSecret(owner, id),
    recover: async (id, { owner, since }) => {
      await of(owner).get(owner, id)
      const from = new Date(since).getTime()
      if (!Number.isNaN(from)) return service.recover(owner, id, from)
      throw new UketsukeError('invalid-query', 'recover(): since must be a Date or an ISO 8601 time.')
    },
  }
}
