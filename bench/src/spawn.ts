import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Message, Task } from './child.ts'
import type { Child } from './measures/port.ts'

const file = fileURLToPath(new URL('child.js', import.meta.url))

/** Starts a child process that runs one role of a measure; kills it after `timeout` seconds. */
export function spawnChild(node: string, flags: readonly string[], task: Task, timeout: number): Child {
  const child = fork(file, [JSON.stringify(task)], {
    execPath: node,
    execArgv: [...flags],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  const collect = (chunk: Buffer) => {
    output = (output + chunk).slice(-2_000)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)

  const name = `${task.role} of ${task.entry.name}`
  const received = new Map<string, unknown>()
  const waiting = new Map<string, (value: unknown) => void>()
  let failure: Error | null = null
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = (error) => {
      failure ??= error
      reject(failure)
    }
  })
  // Avoids an unhandled rejection when no `receive` is pending.
  failed.catch(() => {})
  child.on('message', ({ event, value }: Message) => {
    if (event === 'failed') return fail(new Error(`${name}: ${value}`))
    received.set(event, value)
    waiting.get(event)?.(value)
  })
  child.on('error', (error) => fail(error))
  child.on('exit', (code, signal) => fail(new Error(`${name} exited with ${signal ?? code}. ${output}`.trim())))
  const timer = setTimeout(() => {
    fail(new Error(`${name} did not finish within ${timeout} s. ${output}`.trim()))
    child.kill('SIGKILL')
  }, timeout * 1_000)
  child.on('exit', () => clearTimeout(timer))

  const receive = (event: string): Promise<unknown> => {
    if (received.has(event)) return Promise.resolve(received.get(event))
    return Promise.race([failed, new Promise((resolve) => waiting.set(event, resolve))])
  }
  return {
    pid: child.pid ?? 0,
    receive,
    send: (event, value) => void child.send({ event, value } satisfies Message, () => {}),
    async result() {
      const value = await receive('done')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      return value
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}
