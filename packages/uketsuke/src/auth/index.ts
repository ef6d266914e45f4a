export { type JwtOptions, jwt } from './jwt.ts'
