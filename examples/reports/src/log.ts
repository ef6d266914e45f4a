import type { Log } from 'uketsuke'

/** A logger with short lines for the terminal. By default, the library logs with pino. */
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
