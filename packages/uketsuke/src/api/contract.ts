import type { InputOf, OutputOf } from '../definition/define.ts'
import type { Jobs } from './jobs.ts'

/**
 * The job types of a program for its clients: the input that each schema takes, and the output as JSON. It holds types only, so a
 * browser imports nothing of the server.
 * @example
 * export interface AppJobs extends Contract<typeof jobs> {}
 */
export type Contract<J extends Jobs> =
  J extends Jobs<infer Types>
    ? { [Name in keyof Types & string]: { input: InputOf<Types[Name]>; output: OutputOf<Types[Name]> } }
    : never
