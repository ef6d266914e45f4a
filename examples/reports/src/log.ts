import type { Log } from 'uketsuke'

/** Lines for whoever watches the demo's terminal. Yours would be pino's, which is what the library writes if left alone. */
export function terminalLog(name: string): Log {
  const line = (fields: object, message: string) => {
    const { jobId, err } = fields as { jobId?: string; err?: Error }
    const about = [jobId, err?.message].filter((part) => part !== undefined)
    process.stderr.write(`${new Date().toLocaleTimeString('en-GB')}  ${name}  ${[message, ...about].join('  ')}\n`)
  }
  const log = (known: Record<string, unknown>): Log => ({
    info: (fields, message) => line({ ...known, ...fields }, message),
    warn: (fields, message) => line({ ...known, ...fields }, message),
    error: (fields, message) => line({ ...known, ...fields }, message),
    child: (more) => log({ ...known, ...more }),
  })
  return log({})
}
