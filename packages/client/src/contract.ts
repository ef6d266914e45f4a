import type { JobSummary, JobView } from './job.ts'

/** The input and output of one job type, in their JSON form. */
export interface JobTypeContract {
  input: unknown
  output: unknown
}

/** The job types of a server, by name. An interface that extends `Contract<typeof jobs>` is one. */
export type AnyContract<C> = { [N in keyof C]: JobTypeContract }

/** The names of the job types. */
export type TypeOf<C> = keyof C & string

type Output<C, N extends keyof C> = C[N] extends { output: infer O } ? O : never
type Input<C, N extends keyof C> = C[N] extends { input: infer I } ? I : never

export type { Input as InputOf, Output as OutputOf }

/** A job of any of these types, discriminated by `type` and `status`. */
export type JobOf<C, Name extends TypeOf<C> = TypeOf<C>> = { [N in Name]: JobView<N, Output<C, N>> }[Name]

/** The same in a list, without outputs. */
export type SummaryOf<C, Name extends TypeOf<C> = TypeOf<C>> = { [N in Name]: JobSummary<N> }[Name]
