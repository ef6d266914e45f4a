import type { Log } from '../../base/log.ts'
import { describe, plainText } from '../../base/thrown.ts'
import type { FileData, JobContext, SaveOptions } from '../../definition/context.ts'
import { UketsukeError } from '../../domain/errors.ts'
import type { Reply } from '../../domain/question.ts'
import { chunksOf } from '../../files/data.ts'
import { asking } from '../asking.ts'
import { Snoozed, snoozeFor } from '../snooze.ts'
import { Unawaited } from '../unawaited.ts'
import type { ToHandler, ToWorker } from './messages.ts'
import { receivedError, sentError } from './sent-error.ts'

type Call = (name: Extract<ToWorker, { kind: 'call' }>['name'], ...values: unknown[]) => Promise<unknown>

/** The context of a handler in a thread or a process of its own: everything goes to the worker and back as messages. */
export class HandlerContext {
  readonly #send: (message: ToWorker) => void
  readonly #abort = new AbortController()
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  readonly #steps = new Map<number, () => unknown>()
  readonly #streams = new Map<number, AsyncIterator<Uint8Array>>()
  readonly #unawaited = new Unawaited()
  #count = 0

  constructor(send: (message: ToWorker) => void) {
    this.#send = send
  }

  of(given: Extract<ToHandler, { kind: 'run' }>['context']): JobContext<unknown> {
    const send = this.#send
    return {
      ...given,
      signal: this.#abort.signal,
      log: this.#log({}),
      progress(percent, message) {
        if (!(typeof percent === 'number' && percent >= 0 && percent <= 100)) {
          throw new UketsukeError(
            'invalid-progress',
            `progress() takes a number from 0 to 100, not ${plainText(percent)}.`,
          )
        }
        send({ kind: 'progress', percent, message: message === undefined ? undefined : plainText(message) })
      },
      enqueue: (type, input, options) =>
        this.#call('enqueue', type, input, options) as ReturnType<JobContext<unknown>['enqueue']>,
      step: (name, fn) => {
        this.#steps.set(this.#count + 1, fn)
        return this.#call('step', name) as never
      },
      ask: asking((name, question) => this.#call('ask', name, question) as Promise<Reply>),
      snooze(ms, message) {
        snoozeFor(ms, message)
        send({ kind: 'snooze', ms, message })
        throw new Snoozed()
      },
      output: { write: (chunk) => this.#unawaited.add(this.#call('output', chunk)) as Promise<void> },
      files: { save: (name, data, options) => this.#unawaited.add(this.#save(name, data, options)) as never },
    }
  }

  /** Waits for output and files that the handler did not wait for. @throws an error that it did not get */
  settled(): Promise<void> {
    return this.#unawaited.settled()
  }

  /** A message of the worker, other than to run. */
  received(message: ToHandler): void {
    if (message.kind === 'abort') this.#abort.abort(new DOMException(message.message, message.name))
    else if (message.kind === 'step') void this.#runStep(message.call)
    else if (message.kind === 'pull') void this.#pull(message.stream)
    else if (message.kind === 'answer') {
      const call = this.#calls.get(message.call)
      this.#calls.delete(message.call)
      if (message.error === undefined) call?.resolve(message.value)
      else call?.reject(receivedError(message.error))
    }
  }

  readonly #call: Call = (name, ...values) =>
    new Promise((resolve, reject) => {
      const call = ++this.#count
      this.#calls.set(call, { resolve, reject })
      try {
        this.#send({ kind: 'call', call, name, values })
      } catch (error) {
        // What cannot be cloned.
        this.#calls.delete(call)
        reject(error as Error)
      }
    })

  async #runStep(call: number): Promise<void> {
    try {
      this.#send({ kind: 'stepped', call, value: await this.#steps.get(call)?.() })
    } catch (thrown) {
      this.#send({ kind: 'stepped', call, error: sentError(thrown) })
    }
  }

  /** A file of this machine is read by the worker; anything else is sent in chunks, when the worker asks for the next. */
  async #save(name: string, data: FileData, options?: SaveOptions): Promise<unknown> {
    if (data instanceof URL) return this.#call('save', name, options, { href: data.href })
    const stream = ++this.#count
    this.#streams.set(stream, chunksOf(data)[Symbol.asyncIterator]())
    try {
      return await this.#call('save', name, options, { stream })
    } finally {
      this.#streams
        .get(stream)
        ?.return?.()
        ?.catch(() => {})
      this.#streams.delete(stream)
    }
  }

  async #pull(stream: number): Promise<void> {
    try {
      const { done, value } = (await this.#streams.get(stream)?.next()) ?? { done: true, value: undefined }
      this.#send(
        done === true ? { kind: 'chunk', stream, done: true } : { kind: 'chunk', stream, chunk: value as Uint8Array },
      )
    } catch (thrown) {
      this.#send({ kind: 'chunk', stream, error: sentError(thrown) })
    }
  }

  #log(bound: Record<string, unknown>): Log {
    const level = (level: 'info' | 'warn' | 'error') => (given: object, message: string) => {
      const fields = { ...bound, ...given, ...('err' in given && { err: describe(given.err) }) }
      try {
        this.#send({ kind: 'log', level, fields, message: String(message) })
      } catch {
        this.#send({ kind: 'log', level, fields: { omitted: true }, message: String(message) })
      }
    }
    return {
      info: level('info'),
      warn: level('warn'),
      error: level('error'),
      child: (fields) => this.#log({ ...bound, ...fields }),
    }
  }
}
