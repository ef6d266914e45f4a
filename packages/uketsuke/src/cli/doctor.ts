import { redisUrl, storeFromEnvironment } from '../api/environment.ts'
import type { Finding } from '../base/finding.ts'
import { pause } from '../base/timers.ts'
import { loadClient, redisSettings } from '../redis/client.ts'
import { diagnose } from '../redis/diagnose.ts'
import { diagnose as examinePostgres } from '../store/postgres/diagnose.ts'
import { diagnose as examineSqlite } from '../store/sqlite/diagnose.ts'
import { parseOptions } from './arguments.ts'

export async function doctor(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const { store: file = 'jobs.db', schema } = parseOptions('doctor', args, { store: text, schema: text })
  const { at } = storeFromEnvironment({ file, schema })
  const redisAt = redisUrl()
  const findings = [
    node(process.versions.node),
    ...('postgres' in at ? await examinePostgres(at.postgres, Date.now) : await examineSqlite(at.sqlite)),
    ...(redisAt === null ? [] : await redis(redisAt)),
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

/** Whatever becomes of a Redis costs latency and never a job: one that cannot be reached is a warning. */
async function redis(url: string): Promise<Finding[]> {
  const chosen = redisSettings(url)
  const client = (await loadClient(chosen))()
  client.on('error', () => {})
  try {
    await client.connect()
    const late = pause(5_000, null, { ref: false }).then(() =>
      Promise.reject(new Error('it takes connections and does not answer')),
    )
    const found = (await Promise.race([diagnose(client), late])).map(({ level, message }) => ({
      level,
      message: `Redis: ${message}`,
    }))
    return [{ level: 'ok', message: `Redis: ${chosen.shown} answers.` }, ...found]
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const cost = 'the store is asked instead, and jobs start up to a second late'
    return [{ level: 'warn', message: `Redis: ${chosen.shown} cannot be used (${reason}): until it can, ${cost}.` }]
  } finally {
    if (client.isOpen) client.destroy()
  }
}
