import { type Clock, sleep } from '../base/clock.ts'
import { UketsukeError } from '../domain/errors.ts'
import { answerKind, mostQuestions, type Question, questionKind, type Reply } from '../domain/question.ts'
import { touch } from '../domain/rules.ts'
import { asking, type FormQuestion } from './asking.ts'
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
  /** The names of all questions of the job, those of earlier attempts included. */
  readonly #stored = new Set<string>()
  readonly #ended = new AbortController()

  constructor(held: HeldJob, parts: Pick<StepParts, 'store' | 'clock'>) {
    this.#held = held
    this.#parts = parts
  }

  /** The handler's `ask`. It never settles once the attempt has ended: nobody is there who asked. */
  readonly ask = asking((name, question) =>
    this.#once(name, question).catch((error: unknown) => {
      if (this.#ended.signal.aborted) return new Promise<never>(() => {})
      throw error
    }),
  )

  /** The attempt has ended: nobody waits any more. */
  end(): void {
    this.#ended.abort()
  }

  async #once(name: string, { message, within, form }: FormQuestion): Promise<Reply> {
    this.#use(name)
    this.#held.throwIfAborted()
    const answer = await this.#answerTo(name)
    if (answer !== null) return answer
    const askedAt = this.#clock.now()
    const { until } = await this.#store(name, { message, form, askedAt, until: askedAt + within })
    return this.#wait(name, until)
  }

  get #clock(): Clock {
    return this.#parts.clock
  }

  #use(name: string): void {
    if (this.#used.has(name)) {
      const sentence = `The question "${name}" was asked twice in one attempt: give each a name of its own.`
      throw new UketsukeError('invalid-question', sentence)
    }
    this.#used.add(name)
  }

  /** Stores a question, or resolves with that of an earlier attempt. */
  async #store(name: string, question: Question): Promise<Question> {
    const earlier = await this.#read(questionKind)
    const known = earlier.get(name)
    if (known !== undefined) return JSON.parse(known)
    for (const one of [...earlier.keys(), name]) this.#stored.add(one)
    if (this.#stored.size > mostQuestions)
      throw new UketsukeError('invalid-question', `A job asks at most ${mostQuestions} questions.`)
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
    for (;;) {
      // Before the read, so that no answer is missed between the two.
      const { heard, stop } = this.#listen()
      try {
        const answer = await this.#answerTo(name)
        if (answer !== null) return answer
        const left = until - this.#clock.now()
        if (left <= 0) break
        await sleep(this.#clock, Math.min(left, lookAgainMs), heard)
      } finally {
        stop()
      }
      this.#held.throwIfAborted()
      this.#ended.signal.throwIfAborted()
    }
    await this.#tell()
    throw new UketsukeError('not-answered', `Nobody has answered the question "${name}" in time.`)
  }

  /** `heard` aborts at the first reason to look again. */
  #listen(): { heard: AbortSignal; stop(): void } {
    const heard = new AbortController()
    const wake = () => heard.abort()
    const off = this.#held.onForeignChange(wake)
    const signals = [this.#held.signal, this.#ended.signal]
    for (const signal of signals) {
      signal.addEventListener('abort', wake)
      if (signal.aborted) wake()
    }
    const stop = () => {
      off()
      for (const signal of signals) signal.removeEventListener('abort', wake)
    }
    return { heard: heard.signal, stop }
  }

  /** Those who follow the job look for its questions again. */
  async #tell(): Promise<void> {
    await whileHeld(this.#held, this.#clock, () => this.#held.write(touch))
    this.#held.throwIfAborted()
  }

  async #answerTo(name: string): Promise<Reply | null> {
    const answer = (await this.#read(answerKind)).get(name)
    return answer === undefined ? null : JSON.parse(answer)
  }

  async #read(kind: string): Promise<Map<string, string>> {
    const { store } = this.#parts
    const { id: jobId, owner } = this.#held.job
    const query = { owner, jobId, kind, after: null, limit: mostQuestions }
    const found = await whileHeld(this.#held, this.#clock, () => store.fragments(query))
    return new Map(found.map(({ key, value }) => [key, value]))
  }
}
