import { expect, test } from 'vitest'
import { findings } from './diagnose.ts'

const good = { redis_version: '7.0.15', role: 'master', maxmemory_policy: 'noeviction', aof_enabled: '1' }
const of = (given: Record<string, string>) => findings(new Map(Object.entries({ ...good, ...given })))

test('a well-configured Redis has no findings', () => {
  expect(of({})).toEqual([])
})

test.each([
  [{ redis_version: '6.0.16' }, 'fail', '6.2'],
  [{ redis_version: '5.0.7' }, 'fail', '6.2'],
  [{ role: 'slave' }, 'fail', 'replica'],
  [{ maxmemory_policy: 'volatile-lru' }, 'warn', 'volatile-lru'],
  [{ cluster_enabled: '1' }, 'warn', 'braces'],
  [{ rdb_last_bgsave_status: 'err' }, 'warn', 'snapshot'],
  [{ aof_enabled: '0' }, 'ok', 'is fine'],
])('%o is reported as %s', (given, level, words) => {
  const found = of(given)
  expect(found.map((one) => one.level)).toEqual([level])
  expect(found[0]?.message).toContain(words)
})

test.each(['6.2.0', '7.4.1', '8.2.0'])('version %s is supported', (redis_version) => {
  expect(of({ redis_version })).toEqual([])
})
