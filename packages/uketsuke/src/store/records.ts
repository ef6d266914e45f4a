import { deliveryType } from '../domain/change.ts'
import type { Owner } from './owner.ts'

/** A small document that is not a job, such as an API key or a webhook endpoint. */
export interface StoredRecord {
  /** What the document is, such as `api-key`. */
  readonly kind: string
  /** Unique within its kind. */
  readonly id: string
  readonly owner: string
  /** JSON text that no query inspects. */
  readonly value: string
}

/** The kind of the record with the log lines of the job of the same id. Stores remove it with its job. */
export const jobLogKind = 'job-log'

/** The kind of the records of job types that operators have paused. Their ids are the names of the types. */
export const pausedTypeKind = 'paused-type'

/** Stands for all types among those that are paused. No type has this name. */
export const allTypes = '*'

/** Whether jobs of a type are not claimed. Webhooks cannot be paused. */
export const isPaused = (paused: ReadonlySet<string>, type: string): boolean =>
  type !== deliveryType && (paused.has(allTypes) || paused.has(type))

/** The owner of records that belong to the operators, not to a client. */
export const operators = 'uketsuke'

/** Documents by kind and id. Like all writes, each is one commit. */
export interface RecordStore {
  /** Null if absent or owned by another owner. */
  get(kind: string, owner: Owner, id: string): Promise<StoredRecord | null>
  /** Up to `limit` records after the id `after`, in bytewise id order. */
  list(kind: string, owner: Owner, after: string | null, limit: number): Promise<StoredRecord[]>
  /**
   * Reads a record and stores what `change` makes of it, atomically. `change` gets null if the record is absent, and returns null to
   * store nothing. It may be called more than once. Returns the stored value, or null if nothing was stored. A record of another owner
   * is left unchanged.
   */
  update(
    kind: string,
    owner: string,
    id: string,
    change: (value: string | null) => string | null,
  ): Promise<string | null>
  /**
   * Adds text to the values of these records in one commit, and creates those that are absent. Of each value, the last `most` characters
   * are kept. The ids must be distinct.
   */
  append(kind: string, entries: readonly Omit<StoredRecord, 'kind'>[], most: number): Promise<void>
  /** Returns whether the record existed. */
  remove(kind: string, owner: Owner, id: string): Promise<boolean>
}
