/** The program of a thread or a process that runs handlers: one at a time, of one module. Its argument is the URL of the module. */
import { parentPort, workerData } from 'node:worker_threads'
import type { HandlerModule } from '../../definition/isolated.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { HandlerContext } from './handler-context.ts'
import type { ToHandler, ToWorker } from './messages.ts'
import { sentError } from './sent-error.ts'

const url: string = parentPort === null ? (process.argv[2] ?? '') : workerData.url
const send = (message: ToWorker): void => {
  if (parentPort !== null) parentPort.postMessage(message)
  else if (process.connected) process.send?.(message)
}
let present: HandlerContext | null = null

async function run(message: Extract<ToHandler, { kind: 'run' }>): Promise<void> {
  present = new HandlerContext(send)
  try {
    const handler = ((await import(url)) as Partial<HandlerModule>).default
    if (typeof handler !== 'function') {
      throw new UketsukeError(
        'invalid-configuration',
        'The module of an isolated handler must export it as its default.',
      )
    }
    const context = present.of(message.context)
    // Loading the module may have taken a while.
    context.signal.throwIfAborted()
    const value = await handler(context)
    // The worker reads the data of files from here.
    await present.settled()
    send({ kind: 'returned', value })
  } catch (thrown) {
    send({ kind: 'threw', error: sentError(thrown) })
  }
}

const receive = (message: ToHandler): void => {
  if (message.kind === 'run') void run(message)
  else present?.received(message)
}
if (parentPort !== null) parentPort.on('message', receive)
else {
  process.on('message', receive)
  // The worker has died: nobody would get the result.
  process.on('disconnect', () => process.exit())
}
send({ kind: 'ready' })
