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
    put: async (record) => {
      const stored = records.get(at(record.kind, record.id))
      if ((stored?.version ?? 0) !== record.version - 1 || (stored?.owner ?? record.owner) !== record.owner)
        return false
      records.set(at(record.kind, record.id), record)
      return true
    },
    remove: async (kind, owner, id) => seen(owner, records.get(at(kind, id))) !== null && records.delete(at(kind, id)),
  }
}
