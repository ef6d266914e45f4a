/** What an operator should know about a store: one sentence, with what it costs where it is not fine. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly message: string
}
