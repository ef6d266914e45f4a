import { expect, test } from 'vitest'
import { UketsukeError } from '../domain/errors.ts'
import { redisSettings } from './client.ts'

test('a URL is shown without its user and password', () => {
  expect(redisSettings('rediss://me:s3cret@redis.example:6380/2').shown).toBe('rediss://redis.example:6380/2')
  expect(redisSettings('unix://me:s3cret@/run/redis.sock').shown).toBe('unix socket')
})

test.each([
  ['http://example', 'redis://'],
  ['redis://:s3cret@host:port', 'is not valid'],
  [{ url: 'redis://x', prefix: 'a b' }, 'prefix'],
  [{ url: 'redis://x', timeout: 0 }, 'timeout'],
])('%o is rejected without revealing secrets', (given, words) => {
  const refused = () => redisSettings(given)
  expect(refused).toThrow(UketsukeError)
  expect(refused).toThrow(words)
  expect(refused).not.toThrow('s3cret')
})
