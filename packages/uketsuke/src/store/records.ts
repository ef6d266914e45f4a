import type { Owner } from './port.ts'

/** A small document that is not a job, such as an API key or a webhook endpoint. */
export interface StoredRecord {
  /** What the document is, such as `api-key`. */
  readonly kind: string
  /** Unique within its kind. */
  readonly id: string
  readonly owner: string
  /** 1 when created, incremented by every change. */
  readonly version: number
  /** JSON text that no query inspects. */
  readonly value: string
}

/** Documents by kind and id. Like all writes, each is one commit. */
export interface RecordStore {
  /** Null if absent or owned by another owner. */
  get(kind: string, owner: Owner, id: string): Promise<StoredRecord | null>
  /** Up to `limit` records after the id `after`, in bytewise id order. */
  list(kind: string, owner: Owner, after: string | null, limit: number): Promise<StoredRecord[]>
  /**
   * Compare-and-swap: stores the record if the stored version is `record.version - 1`, or if it is 1 and none is stored. The owner of a
   * record never changes. Returns whether it was stored.
   */
  put(record: StoredRecord): Promise<boolean>
  /** Returns whether the record existed. */
  remove(kind: string, owner: Owner, id: string): Promise<boolean>
}
