import type { Finding } from '../base/finding.ts'
import type { Client } from './client.ts'

/** Asks a Redis about itself; one with a `fail` is not used. One INFO, which managed services allow too, while most of them refuse CONFIG. */
export async function diagnose(client: Pick<Client, 'info'>): Promise<Finding[]> {
  return findings(parse(await client.info()))
}

/** What follows from an INFO. */
export function findings(info: ReadonlyMap<string, string>): Finding[] {
  const found: Finding[] = []
  const say = (level: Finding['level'], message: string) => found.push({ level, message })
  const [major = 0, minor = 0] = (info.get('redis_version') ?? '').split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2)) {
    say('fail', `Redis ${info.get('redis_version')} is too old: 6.2 is the first with XAUTOCLAIM.`)
  }
  const role = info.get('role')
  if (role !== undefined && role !== 'master') {
    say(
      'fail',
      'This Redis is a replica: it takes no writes, and what it shows may be old. Give the address of its master.',
    )
  }
  if (info.get('cluster_enabled') === '1') {
    say(
      'warn',
      'This Redis is a cluster: put the prefix in braces, such as {uketsuke}, or its streams lie on several nodes.',
    )
  }
  const policy = info.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    say(
      'warn',
      `maxmemory-policy is ${policy}: short of memory, Redis drops streams with the wake-ups in them. No job is lost, but those jobs ` +
        'start up to a second late. Set it to noeviction.',
    )
  }
  if (info.get('rdb_last_bgsave_status') === 'err') {
    say('warn', 'The last snapshot of this Redis failed: it may refuse writes until one succeeds.')
  }
  if (info.get('aof_enabled') === '0') {
    say(
      'ok',
      'Redis writes no append-only file. That costs nothing here: jobs are in the store, Redis has only wake-ups.',
    )
  }
  return found
}

function parse(info: string): Map<string, string> {
  const lines = info.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'))
  return new Map(lines.map((line) => line.split(/:(.*)/s, 2) as [string, string]))
}
