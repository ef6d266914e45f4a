import type { Finding } from '../base/finding.ts'
import type { Client } from './client.ts'

/**
 * Diagnoses a Redis server with one INFO, which managed services allow, while most of them forbid CONFIG. A server with
 * a `fail` finding is not used.
 */
export async function diagnose(client: Pick<Client, 'info'>): Promise<Finding[]> {
  return findings(parse(await client.info()))
}

/** The findings from the fields of INFO. */
export function findings(info: ReadonlyMap<string, string>): Finding[] {
  const found: Finding[] = []
  const say = (level: Finding['level'], message: string) => found.push({ level, message })
  const [major = 0, minor = 0] = (info.get('redis_version') ?? '').split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2)) {
    say('fail', `Redis ${info.get('redis_version')} is not supported: version 6.2 or later is required (XAUTOCLAIM).`)
  }
  const role = info.get('role')
  if (role !== undefined && role !== 'master') {
    say(
      'fail',
      'This Redis server is a replica: it rejects writes, and its data may be stale. Specify the address of the master.',
    )
  }
  if (info.get('cluster_enabled') === '1') {
    say(
      'warn',
      'This Redis server is part of a cluster: use a prefix in braces, such as {uketsuke}, to keep all streams on one node.',
    )
  }
  const policy = info.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    say(
      'warn',
      `maxmemory-policy is ${policy}: when memory is low, Redis may evict streams with pending wake-ups. No job is lost, but the affected ` +
        'jobs start up to a second late. Set it to noeviction.',
    )
  }
  if (info.get('rdb_last_bgsave_status') === 'err') {
    say('warn', 'The last Redis snapshot failed: Redis may reject writes until a snapshot succeeds.')
  }
  if (info.get('aof_enabled') === '0') {
    say(
      'ok',
      'Redis does not write an append-only file. This is fine: jobs are in the store; Redis holds only wake-ups.',
    )
  }
  return found
}

function parse(info: string): Map<string, string> {
  const lines = info.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'))
  return new Map(lines.map((line) => line.split(/:(.*)/s, 2) as [string, string]))
}
