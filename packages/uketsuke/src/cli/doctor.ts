import { redisUrl, storeFromEnvironment } from '../api/environment.ts'
import type { Finding } from '../base/finding.ts'
import { pause } from '../base/timers.ts'
import { loadClient, redisSettings } from '../redis/client.ts'
import { diagnose as diagnoseRedis } from '../redis/diagnose.ts'
import { diagnose as diagnosePostgres } from '../store/postgres/diagnose.ts'
import { diagnose as diagnoseSqlite } from '../store/sqlite/diagnose.ts'
import { parseOptions } from './arguments.ts'

export async function doctor(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const values = parseOptions('doctor', args, { store: text, schema: text, json: { type: 'boolean' } })
  const { store: file = 'jobs.db', schema, json } = values
  const { at } = storeFromEnvironment({ file, schema })
  const redisAt = redisUrl()
  const findings = [
    nodeFinding(process.versions.node),
    ...('postgres' in at ? await diagnosePostgres(at.postgres, Date.now) : await diagnoseSqlite(at.sqlite)),
    ...(redisAt === null ? [] : await redisFindings(redisAt)),
  ]
  if (json) console.log(JSON.stringify(findings))
  else for (const { level, message } of findings) console.log(`${labels[level]}  ${message}`)
  return findings.some(({ level }) => level === 'fail') ? 1 : 0
}

const labels = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return { level: 'ok', message: `Node.js ${version}.` }
  return { level: 'fail', message: `Node.js ${version} is not supported: install 20.19 or later.` }
}

/** An unreachable Redis is a warning, not a failure: it costs latency and never a job. */
async function redisFindings(url: string): Promise<Finding[]> {
  const chosen = redisSettings(url)
  const client = (await loadClient(chosen))()
  client.on('error', () => {})
  try {
    await client.connect()
    const timeout = pause(5_000, null, { ref: false }).then(() =>
      Promise.reject(new Error('it accepts connections but does not respond')),
    )
    const found = (await Promise.race([diagnoseRedis(client), timeout])).map(({ level, message }) => ({
      level,
      message: `Redis: ${message}`,
    }))
    return [{ level: 'ok', message: `Redis: ${chosen.shown} responds.` }, ...found]
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const cost = 'workers poll the store, and jobs start up to a second late'
    return [
      { level: 'warn', message: `Redis: ${chosen.shown} is unavailable (${reason}): until it recovers, ${cost}.` },
    ]
  } finally {
    if (client.isOpen) client.destroy()
  }
}
