import type { Clock } from '../base/clock.ts'
import { memory } from '../store/memory.ts'
import type { Store, StoreFactory } from '../store/port.ts'

/** A connection of one simulated process to the store. */
export interface Connection {
  readonly factory: StoreFactory
  /** Whether workers of this process claim jobs. */
  claiming: boolean
  /** Tells the process that something may have changed. */
  hint(): void
  /** From now on nothing arrives at the store, and no call settles: the process is dead. */
  cut(): void
}

/** One memory store for several simulated processes, which notice each other's commits. */
export function sharedStore(clock: Clock): { store: Store; connect(): Connection } {
  const store = memory()(clock)
  const connections = new Set<Connection>()
  const writes = new Set<string | symbol>(['insert', 'replace', 'remove'])

  function connect(): Connection {
    const listeners = new Set<() => void>()
    let isCut = false
    const connection: Connection = {
      claiming: true,
      factory: () => facade,
      hint() {
        if (!isCut) for (const listener of [...listeners]) listener()
      },
      cut() {
        isCut = true
        connections.delete(connection)
      },
    }
    const call = async (name: string | symbol, method: (...args: unknown[]) => unknown, args: unknown[]) => {
      if (isCut) return new Promise(() => {})
      if (!connection.claiming && name === 'claim') return []
      // A worker that claims nothing must not wake up at once for what is due.
      if (!connection.claiming && name === 'nextDue') return null
      const result = await method.apply(store, args)
      if (writes.has(name)) for (const other of connections) if (other !== connection) other.hint()
      return isCut ? new Promise(() => {}) : result
    }
    const facade = new Proxy(store, {
      get(target, name: keyof Store) {
        if (name === 'onForeignCommit') {
          return (listener: () => void) => {
            listeners.add(listener)
            return () => void listeners.delete(listener)
          }
        }
        if (name === 'close') return async () => connection.cut()
        const member: unknown = target[name]
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => call(name, member as (...args: unknown[]) => unknown, args)
      },
    })
    connections.add(connection)
    return connection
  }
  return { store, connect }
}
