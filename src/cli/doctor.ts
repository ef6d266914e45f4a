import { storeAt } from '../engines.ts'
import type { Finding } from '../store/finding.ts'
import { examine as examinePostgres } from '../store/postgres/examine.ts'
import { examine as examineSqlite } from '../store/sqlite/examine.ts'
import { optionsOf } from './arguments.ts'

export async function doctor(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const { store: file = 'jobs.db', schema } = optionsOf('doctor', args, { store: text, schema: text })
  const { at } = storeAt(process.env.DATABASE_URL || `sqlite:${file}`, schema)
  const findings = [
    node(process.versions.node),
    ...('postgres' in at ? await examinePostgres(at.postgres, Date.now) : await examineSqlite(at.sqlite)),
  ]
  for (const { level, message } of findings) console.log(`${shown[level]}  ${message}`)
  return findings.some(({ level }) => level === 'fail') ? 1 : 0
}

const shown = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const

function node(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return { level: 'ok', message: `Node ${version}.` }
  return { level: 'fail', message: `Node ${version} is too old: 20.19 is the oldest that will do.` }
}
