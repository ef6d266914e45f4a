/** Log lines for people: what pino writes as JSON, as text. Only for terminals; anything else gets JSON. */

const levels: Record<number, string> = { 30: 'info', 40: 'warn', 50: 'error' }
const colors: Record<string, string> = { info: '32', warn: '33', error: '31' }
/** Members that every line has, or that are shown elsewhere. */
const shownElsewhere = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err'])

/** A destination for pino that writes text. */
export function terminalLines(out: { write(text: string): unknown }, color: boolean): { write(line: string): void } {
  const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  return {
    write(line) {
      const fields = parsed(line)
      if (fields === null) return void out.write(line)
      const { level, time, msg, err } = fields
      const name = levels[Number(level)] ?? 'info'
      const more = Object.entries(fields).filter(([member]) => !shownElsewhere.has(member))
      const rest = more.map(([member, value]) => ` ${paint('2', `${member}=`)}${textOf(value)}`).join('')
      const stack = (err as { stack?: unknown } | undefined)?.stack
      const clock = new Date(Number(time)).toISOString().slice(11, 23)
      const head = `${paint('2', clock)} ${paint(colors[name] ?? '0', name.padEnd(5))} ${msg ?? ''}${rest}\n`
      out.write(typeof stack === 'string' ? `${head}${stack.replace(/^/gm, '  ')}\n` : head)
    },
  }
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return null
  }
}

const textOf = (value: unknown) =>
  typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value)
