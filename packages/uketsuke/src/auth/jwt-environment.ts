import { UketsukeError } from '../domain/errors.ts'
import type { HttpOptions } from '../http/identity.ts'
import { jwt } from './jwt.ts'

const prefix = 'UKETSUKE_JWT_'

/** JSON Web Tokens as the environment configures them; null if it does not. @throws {UketsukeError} `invalid-configuration` */
export function jwtFromEnvironment(env: NodeJS.ProcessEnv): HttpOptions['authenticate'] | null {
  const value = (name: string) => env[prefix + name]?.trim() ?? ''
  const names = ['ISSUER', 'AUDIENCE', 'ALGORITHMS', 'JWKS_URL']
  const missing = names.filter((name) => value(name) === '')
  if (missing.length === names.length) return null
  if (missing.length > 0) {
    const sentence = `JSON Web Tokens also need ${missing.map((name) => prefix + name).join(', ')}`
    throw new UketsukeError('invalid-configuration', `${sentence}.`)
  }
  return jwt({
    issuer: value('ISSUER'),
    audience: value('AUDIENCE'),
    algorithms: value('ALGORITHMS')
      .split(',')
      .map((one) => one.trim()),
    jwksUrl: value('JWKS_URL'),
  })
}
