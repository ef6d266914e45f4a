/** A child process: plays one role of one measure with one system, and tells the main process what came of it. */
import { EventEmitter } from 'node:events'
import { measure } from './measures/index.ts'
import type { Scene } from './measures/port.ts'
import { system } from './systems/index.ts'

export interface Task {
  readonly measure: string
  readonly role: string
  readonly system: string | null
  readonly entry: Scene['entry']
  readonly settings: Scene['settings']
  readonly place: Scene['place']
  readonly given: unknown
}

export interface Said {
  readonly event: string
  readonly value?: unknown
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const heard = new EventEmitter()
const kept = new Map<string, unknown>()

process.on('message', ({ event, value }: Said) => {
  kept.set(event, value)
  heard.emit(event)
})
// Whoever started this is gone, so nobody would end it.
process.on('disconnect', () => process.exit(1))

const scene: Scene = {
  ...task,
  say: (event, value) => void process.send?.({ event, value } satisfies Said),
  heard: (event) =>
    new Promise((resolve) => {
      const told = () => resolve(kept.get(event))
      if (kept.has(event)) told()
      else heard.once(event, told)
    }),
  async open(options = {}) {
    if (task.system === null) throw new Error('This entry has no job system.')
    return (await system(task.system).load())(task.place, options)
  },
}

async function play(): Promise<void> {
  const role = measure(task.measure).roles[task.role]
  if (role === undefined) throw new Error(`${task.measure} has no role "${task.role}".`)
  const value = (await role(scene)) ?? null
  process.send?.({ event: 'done', value } satisfies Said, () => process.exit(0))
}

const failed = (error: unknown) => {
  const value = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (process.connected) process.send?.({ event: 'failed', value } satisfies Said, () => process.exit(1))
  else process.exit(1)
}
process.on('uncaughtException', failed)
process.on('unhandledRejection', failed)
void play().catch(failed)
