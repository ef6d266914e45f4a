import { checkKey, checkOwner } from '../domain/identifiers.ts'
import { allOwners, type Insert, type Owner, type Store } from './port.ts'

/**
 * Validates owners and idempotency keys before they reach the store, because engines treat invalid ones differently.
 */
export function withValidIdentifiers(store: Store): Store {
  const { insert, insertWithin, get, list, deliveries, failedDeliveries, attempts, batch, fragments, remove, records } =
    store
  return Object.assign(store, {
    insert: async (inserts, waiting) => insert(inserts.map(checked), waiting),
    ...(insertWithin && {
      insertWithin: async (transaction, inserts) => insertWithin(transaction, inserts.map(checked)),
    }),
    get: async (owner, ids) => get(one(owner), ids),
    list: async (query) => list({ ...query, owner: one(query.owner) }),
    deliveries: async (owner, parent) => deliveries(one(owner), parent),
    failedDeliveries: async (owner, since, after, limit) => failedDeliveries(one(owner), since, after, limit),
    attempts: async (owner, id) => attempts(one(owner), id),
    batch: async (owner, id) => batch(one(owner), id),
    fragments: async (query) => fragments({ ...query, owner: one(query.owner) }),
    remove: async (owner, id) => remove(one(owner), id),
    records: {
      get: async (kind, owner, id) => records.get(kind, one(owner), id),
      list: async (kind, owner, after, limit) => records.list(kind, one(owner), after, limit),
      update: async (kind, owner, id, change) => {
        checkOwner(owner)
        return records.update(kind, owner, id, change)
      },
      append: async (kind, entries, most) => {
        for (const { owner } of entries) checkOwner(owner)
        return records.append(kind, entries, most)
      },
      remove: async (kind, owner, id) => records.remove(kind, one(owner), id),
    },
  } satisfies Partial<Store>)
}

/** @throws {UketsukeError} `invalid-owner` */
function one(owner: Owner): Owner {
  if (owner !== allOwners) checkOwner(owner)
  return owner
}

function checked(insert: Insert): Insert {
  checkOwner(insert.job.owner)
  if (insert.key) checkKey(insert.key.key)
  return insert
}
