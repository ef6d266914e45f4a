import { performance } from '../base/timers.ts'

const everyMs = 100
const width = 30

/** Shows how far long work is, on standard error and only if that is a terminal. */
export function progressBar(name: string, total?: number) {
  const { stderr } = process
  let shownAt = 0
  return {
    show(done: number): void {
      const now = performance.now()
      if (!stderr.isTTY || (now - shownAt < everyMs && done !== total)) return
      shownAt = now
      const filled = total === undefined ? 0 : Math.round((done / Math.max(1, total)) * width)
      const bar = total === undefined ? '' : ` [${'#'.repeat(filled).padEnd(width, '.')}] of ${total}`
      stderr.write(`\r\u001b[K${name} ${done}${bar}`)
    },
    end(): void {
      if (stderr.isTTY) stderr.write('\r\u001b[K')
    },
  }
}
