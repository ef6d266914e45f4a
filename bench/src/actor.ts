import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Said, Task } from './child.ts'
import type { Actor } from './measures/port.ts'

const file = fileURLToPath(new URL('child.js', import.meta.url))

/** Starts a child that plays a role. */
export function actor(node: string, flags: readonly string[], task: Task, patience: number): Actor {
  const child = fork(file, [JSON.stringify(task)], {
    execPath: node,
    execArgv: [...flags],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let printed = ''
  const keep = (chunk: Buffer) => {
    printed = (printed + chunk).slice(-2_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)

  const who = `${task.role} of ${task.entry.name}`
  const said = new Map<string, unknown>()
  const waiting = new Map<string, (value: unknown) => void>()
  let over: Error | null = null
  let fail: (error: Error) => void = () => {}
  const broken = new Promise<never>((_, reject) => {
    fail = (error) => {
      over ??= error
      reject(over)
    }
  })
  // Heard by whoever waits for an event; nobody may be.
  broken.catch(() => {})
  child.on('message', ({ event, value }: Said) => {
    if (event === 'failed') return fail(new Error(`${who}: ${value}`))
    said.set(event, value)
    waiting.get(event)?.(value)
  })
  child.on('error', (error) => fail(error))
  child.on('exit', (code, signal) => fail(new Error(`${who} ended with ${signal ?? code}. ${printed}`.trim())))
  const timer = setTimeout(() => {
    fail(new Error(`${who} was not done within ${patience} s. ${printed}`.trim()))
    child.kill('SIGKILL')
  }, patience * 1_000)
  child.on('exit', () => clearTimeout(timer))

  const heard = (event: string): Promise<unknown> => {
    if (said.has(event)) return Promise.resolve(said.get(event))
    return Promise.race([broken, new Promise((resolve) => waiting.set(event, resolve))])
  }
  return {
    pid: child.pid ?? 0,
    heard,
    say: (event, value) => void child.send({ event, value } satisfies Said, () => {}),
    async done() {
      const value = await heard('done')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      return value
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
