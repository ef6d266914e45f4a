/** A diagnostic result for operators: one sentence, which names the consequence unless the level is `ok`. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly message: string
}

/** The message of `doctor` for a job type that apparently has no worker. `waited` is in milliseconds. */
export function unclaimedFinding({ type, waited }: { type: string; waited: number }, paused: boolean): string {
  const advice = paused ? 'an operator has paused this type in the dashboard.' : 'start a worker for this type.'
  return `jobs of type ${JSON.stringify(type)} have been due for up to ${Math.round(waited / 1_000)} s and none is running: ${advice}`
}

/** How long a due job must have waited before `doctor` reports its type, in milliseconds. */
export const longWaitMs = 30_000
