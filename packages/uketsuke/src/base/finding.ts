/** What an operator should know about a store: one sentence, with what it costs where it is not fine. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly message: string
}

/** What `doctor` says of types that nobody seems to run. */
export const unclaimedFinding = ({ type, waited }: { type: string; waited: number }): string =>
  `jobs of type ${JSON.stringify(type)} are due, the oldest for ${Math.round(waited / 1_000)} s, and none runs: start a worker that has this type.`

/** From when on `doctor` says so, in milliseconds. */
export const longWaitMs = 30_000
