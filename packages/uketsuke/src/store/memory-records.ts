import { allOwners, type Owner } from './port.ts'
import type { RecordStore, StoredRecord } from './records.ts'

/** The records of the reference store. */
export function memoryRecords(): RecordStore {
  const records = new Map<string, StoredRecord>()
  const at = (kind: string, id: string) => JSON.stringify([kind, id])
  const seen = (owner: Owner, record: StoredRecord | undefined) =>
    record !== undefined && (owner === allOwners || record.owner === owner) ? record : null
  return {
    get: async (kind, owner, id) => seen(owner, records.get(at(kind, id))),
    list: async (kind, owner, after, limit) =>
      [...records.values()]
        .filter((one) => one.kind === kind && one.id > (after ?? '') && seen(owner, one) !== null)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit),
    update: async (kind, owner, id, change) => {
      const stored = records.get(at(kind, id))
      if (stored !== undefined && stored.owner !== owner) return null
      const value = change(stored?.value ?? null)
      if (value !== null) records.set(at(kind, id), { kind, id, owner, value })
      return value
    },
    append: async (kind, entries, most) => {
      for (const { id, owner, value } of entries) {
        const stored = records.get(at(kind, id)) ?? { owner, value: '' }
        if (stored.owner !== owner) continue
        records.set(at(kind, id), { kind, id, owner, value: (stored.value + value).slice(-most) })
      }
    },
    remove: async (kind, owner, id) => seen(owner, records.get(at(kind, id))) !== null && records.delete(at(kind, id)),
  }
}
