/**
 * Whose jobs a read or write may access. Calls on behalf of a client must pass its owner; `allOwners` is for the system
 * itself.
 */
export type Owner = string | typeof allOwners
/** Passed as `owner` to access the jobs of all owners. The same for every copy of this package in a process. */
export const allOwners: unique symbol = Symbol.for('uketsuke.allOwners')
