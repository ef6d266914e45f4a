import { type Clock, sleep } from '../base/clock.ts'
import { UketsukeError } from '../domain/errors.ts'
import { answerKind, mostQuestions, type Question, questionKind, type Reply } from '../domain/question.ts'
import { touch } from '../domain/rules.ts'
import { type AskOnce, asking } from './asking.ts'
import type { HeldJob } from './lease.ts'
import type { StepParts } from './steps.ts'
import { whileHeld } from './while-held.ts'

/** An answer is a change of the job, of which its worker hears. This often it looks nevertheless, in milliseconds: a hint may be lost. */
const lookAgainMs = 5_000

/** The questions of one attempt, with the answers that earlier attempts have got. */
export class Questions {
  readonly #held: HeldJob
  readonly #parts: Pick<StepParts, 'store' | 'clock'>
  readonly #used = new Set<string>()
  readonly #ended = new AbortController()

  constructor(held: HeldJob, parts: Pick<StepParts, 'store' | 'clock'>) {
    this.#held = held
    this.#parts = parts
  }

  readonly #once: AskOnce = async (name, { message, within, form }) => {
    this.#use(name)
    this.#held.throwIfAborted()
    const answer = await this.#answerTo(name)
    if (answer !== null) return answer
    const askedAt = this.#clock.now()
    const { until } = await this.#store(name, { message, form, askedAt, until: askedAt + within })
    return this.#wait(name, until)
  }

  /** The handler's `ask`. */
  readonly ask = asking(this.#once)

  /** The attempt has ended: nobody waits any more. */
  end(): void {
    this.#ended.abort()
  }

  get #clock(): Clock {
    return this.#parts.clock
  }

  #use(name: string): void {
    if (this.#used.has(name)) {
      const sentence = `The question "${name}" was asked twice in one attempt: give each a name of its own.`
      throw new UketsukeError('invalid-question', sentence)
    }
    if (this.#used.size === mostQuestions)
      throw new UketsukeError('invalid-question', `A job asks at most ${mostQuestions} questions.`)
    this.#used.add(name)
  }

  /** Stores a question, or resolves with that of an earlier attempt. */
  async #store(name: string, question: Question): Promise<Question> {
    const earlier = await this.#read(questionKind, name)
    if (earlier !== null) return earlier as Question
    const { store } = this.#parts
    const { lease } = this.#held
    const fragment = { lease, kind: questionKind, key: name, value: JSON.stringify(question) }
    const [stored] = await whileHeld(this.#held, this.#clock, () => store.addFragments([fragment]))
    if (stored !== true) this.#held.abort('lease-lost')
    this.#held.throwIfAborted()
    await this.#tell()
    return question
  }

  async #wait(name: string, until: number): Promise<Reply> {
    const { signal } = this.#held
    for (;;) {
      const heard = new AbortController()
      // Before the read, so that no answer is missed between the two.
      const off = this.#held.onForeignChange(() => heard.abort())
      try {
        const answer = await this.#answerTo(name)
        if (answer !== null) return answer
        const left = until - this.#clock.now()
        if (left <= 0) break
        const woken = AbortSignal.any([heard.signal, signal, this.#ended.signal])
        await sleep(this.#clock, Math.min(left, lookAgainMs), woken)
      } finally {
        off()
      }
      this.#held.throwIfAborted()
      // Never settles: the handler that has asked is over.
      if (this.#ended.signal.aborted) return new Promise(() => {})
    }
    await this.#tell()
    throw new UketsukeError('not-answered', `Nobody has answered the question "${name}" in time.`)
  }

  /** Those who follow the job look for its questions again. */
  async #tell(): Promise<void> {
    await whileHeld(this.#held, this.#clock, () => this.#held.write(touch))
    this.#held.throwIfAborted()
  }

  #answerTo = async (name: string) => (await this.#read(answerKind, name)) as Reply | null

  async #read(kind: string, name: string): Promise<unknown> {
    const { store } = this.#parts
    const { id: jobId, owner } = this.#held.job
    const query = { owner, jobId, kind, after: null, limit: mostQuestions }
    const found = await whileHeld(this.#held, this.#clock, () => store.fragments(query))
    const one = found.find(({ key }) => key === name)
    return one === undefined ? null : JSON.parse(one.value)
  }
}
