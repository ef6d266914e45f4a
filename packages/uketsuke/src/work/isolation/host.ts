import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { text } from '../../base/thrown.ts'
import type { Isolation } from '../../definition/isolated.ts'
import { UketsukeError } from '../../domain/errors.ts'
import type { ToHandler, ToWorker } from './messages.ts'

const entry = new URL(import.meta.url.endsWith('.ts') ? './entry.ts' : './entry.js', import.meta.url)

/** A thread or a process that runs handlers of one module. */
export interface Host {
  send(message: ToHandler): void
  onMessage: (message: ToWorker) => void
  /** Called once, with the error of an attempt that runs meanwhile. */
  onEnd: (error: Error) => void
  /** While it is idle, it does not keep this process alive. */
  idle(isIdle: boolean): void
  /** Ends it at once, with all processes that it has started. */
  kill(): void
}

export const startHost = (isolation: Isolation): Host =>
  isolation.kind === 'thread' ? startThread(isolation) : startProcess(isolation)

const nothing = () => {}
const crashed = (how: string) => new UketsukeError('handler-crashed', `The ${how}.`)
const outOfMemory = ({ memory }: Isolation) =>
  new UketsukeError(
    'out-of-memory',
    memory === null ? undefined : `The handler needs more than ${memory} MiB of memory.`,
  )

function startThread(isolation: Isolation): Host {
  const { url, memory, env } = isolation
  const thread = new Worker(entry, {
    workerData: { url },
    env: { ...process.env, ...env },
    ...(memory !== null && { resourceLimits: { maxOldGenerationSizeMb: memory } }),
  })
  let error: Error | null = null
  const host: Host = {
    send: (message) => thread.postMessage(message),
    onMessage: nothing,
    onEnd: nothing,
    idle: (isIdle) => (isIdle ? thread.unref() : thread.ref()),
    kill: () => void thread.terminate(),
  }
  thread.on('message', (message: ToWorker) => host.onMessage(message))
  thread.on('messageerror', (failure) => host.onEnd(failure))
  thread.on('error', (thrown) => {
    error = text(thrown, 'code') === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory(isolation) : thrown
  })
  thread.on('exit', (code) => host.onEnd(error ?? crashed(`thread of the handler has ended with code ${code}`)))
  return host
}

/** What a process may say on its standard error output when it dies, in characters. */
const saidMost = 4_000

function startProcess(isolation: Isolation): Host {
  const { url, memory, env } = isolation
  const child = fork(fileURLToPath(entry), [url], {
    env: { ...process.env, ...env },
    execArgv: [...process.execArgv, ...(memory === null ? [] : [`--max-old-space-size=${memory}`])],
    serialization: 'advanced',
    // A group of its own, so that the processes that a handler starts end with it.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  let said = ''
  child.stderr?.on('data', (chunk) => {
    process.stderr.write(chunk)
    said = (said + chunk).slice(-saidMost)
  })
  const host: Host = {
    send: (message) => void (child.connected && child.send(message, nothing)),
    onMessage: nothing,
    onEnd: nothing,
    idle(isIdle) {
      for (const one of [child, child.channel]) isIdle ? one?.unref() : one?.ref()
    },
    kill: () => killGroup(child),
  }
  child.on('message', (message) => host.onMessage(message as ToWorker))
  child.on('error', (error) => host.onEnd(error))
  child.on('close', (code, signal) => {
    const isFull = /heap out of memory|Reached heap limit/.test(said)
    const how = signal === null ? `with code ${code}` : `by the signal ${signal}`
    host.onEnd(isFull ? outOfMemory(isolation) : crashed(`process of the handler has ended ${how}`))
  })
  return host
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined && process.platform !== 'win32') process.kill(-child.pid, 'SIGKILL')
    else child.kill('SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
