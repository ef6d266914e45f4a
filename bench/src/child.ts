/** The entry point of a child process: runs one role of one measure with one system and sends the result to the main process. */
import { EventEmitter } from 'node:events'
import { measure } from './measures/index.ts'
import type { ChildContext } from './measures/port.ts'
import { system } from './systems/index.ts'

export interface Task {
  readonly measure: string
  readonly role: string
  readonly system: string | null
  readonly entry: ChildContext['entry']
  readonly settings: ChildContext['settings']
  readonly resources: ChildContext['resources']
  readonly input: unknown
}

export interface Message {
  readonly event: string
  readonly value?: unknown
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const events = new EventEmitter()
const received = new Map<string, unknown>()

process.on('message', ({ event, value }: Message) => {
  received.set(event, value)
  events.emit(event)
})
// The main process has exited, so no other process would stop this one.
process.on('disconnect', () => process.exit(1))

const context: ChildContext = {
  ...task,
  send: (event, value) => void process.send?.({ event, value } satisfies Message),
  receive: (event) =>
    new Promise((resolve) => {
      const deliver = () => resolve(received.get(event))
      if (received.has(event)) deliver()
      else events.once(event, deliver)
    }),
  async open(options = {}) {
    if (task.system === null) throw new Error('This entry has no job system.')
    return (await system(task.system).load())(task.resources, options)
  },
}

async function run(): Promise<void> {
  const role = measure(task.measure).roles[task.role]
  if (role === undefined) throw new Error(`${task.measure} has no role "${task.role}".`)
  const value = (await role(context)) ?? null
  process.send?.({ event: 'done', value } satisfies Message, () => process.exit(0))
}

const fail = (error: unknown) => {
  const value = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (process.connected) process.send?.({ event: 'failed', value } satisfies Message, () => process.exit(1))
  else process.exit(1)
}
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
void run().catch(fail)
