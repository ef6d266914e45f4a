import type { JobContext } from '../../definition/context.ts'
import { type FormQuestion, schemaOf } from '../asking.ts'
import type { Host } from './host.ts'
import type { ToWorker } from './messages.ts'
import { receivedError, sentError } from './sent-error.ts'

type Message<Kind extends ToWorker['kind']> = Extract<ToWorker, { kind: Kind }>
/** What one side waits for from the other. */
type Waiting<T> = Map<number, { resolve(value: T): void; reject(error: Error): void }>

/** Runs a handler in a host, with a context whose other end is there. Rejects with what it throws, and if the host ends, which `ended` tells. */
export function runIn(host: Host, context: JobContext<unknown>, ended: () => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const steps: Waiting<unknown> = new Map()
    const chunks: Waiting<Uint8Array | null> = new Map()

    async function call({ name, values }: Message<'call'>, number: number): Promise<unknown> {
      if (name === 'enqueue') return context.enqueue(...(values as Parameters<typeof context.enqueue>))
      if (name === 'output') return context.output.write(values[0])
      if (name === 'step') {
        return context.step(values[0] as string, () =>
          asked(steps, number, () => host.send({ kind: 'step', call: number })),
        )
      }
      if (name === 'ask') {
        const [asked, { form, ...question }] = values as [string, FormQuestion]
        // The schema of the handler is on the other side.
        return context.ask(asked, { ...question, schema: schemaOf(form) })
      }
      const [file, options, source] = values as [string, object | undefined, { href?: string; stream: number }]
      const data = source.href === undefined ? pulled(source.stream) : new URL(source.href)
      return context.files.save(file, data, options ?? {})
    }

    async function* pulled(stream: number): AsyncGenerator<Uint8Array> {
      for (;;) {
        const chunk = await asked(chunks, stream, () => host.send({ kind: 'pull', stream }))
        if (chunk === null) return
        yield chunk
      }
    }

    const answer = (message: Message<'call'>) => {
      const called = call(message, message.call)
      called.then(
        (value) => host.send({ kind: 'answer', call: message.call, value }),
        (thrown) => host.send({ kind: 'answer', call: message.call, error: sentError(thrown) }),
      )
    }

    host.onEnd = (error) => {
      ended()
      reject(error)
    }
    host.onMessage = (message) => {
      try {
        if (message.kind === 'call') answer(message)
        else if (message.kind === 'progress') context.progress(message.percent, message.message)
        else if (message.kind === 'log') context.log[message.level](message.fields, message.message)
        else if (message.kind === 'stepped') settle(steps, message.call, message.value, message.error)
        else if (message.kind === 'chunk') settle(chunks, message.stream, message.chunk ?? null, message.error)
        else if (message.kind === 'snooze') context.snooze(message.ms, message.message)
        else if (message.kind === 'returned') resolve(message.value)
        else if (message.kind === 'threw') reject(receivedError(message.error))
      } catch {
        // `snooze` always throws, and the handler has checked the rest.
      }
    }
    const { input, jobId, owner, attempt } = context
    host.send({ kind: 'run', context: { input, jobId, owner, attempt } })
  })
}

function asked<T>(waiting: Waiting<T>, key: number, ask: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    waiting.set(key, { resolve, reject })
    ask()
  })
}

function settle<T>(waiting: Waiting<T>, key: number, value: T, error: Message<'stepped'>['error']): void {
  const one = waiting.get(key)
  waiting.delete(key)
  if (error === undefined) one?.resolve(value)
  else one?.reject(receivedError(error))
}
