/**
 * How many jobs a worker's next claim asks for: as many as were announced to it if the number is known, because the other jobs were
 * announced to other workers, and otherwise as many as there is room for.
 *
 *              hint(n)               claim
 *      ┌─────────────────▶ hinted ──────────┐
 *      │                     │ hint()       ▼
 *     idle ◀── found < room ─┼────────── claiming
 *      │                     ▼              ▲  │ found = room
 *      └──── hint() ───────▶ poll ──────────┘  ▼
 *                             ▲            saturated
 *                             └─── room made ──┘
 *
 * `poll` is the initial state, and stays until there is room. `saturated` remembers that the store may hold more: the first job to end
 * leads to a poll.
 */
export class Demand {
  #hints = 0
  #poll = true
  #saturated = false

  /** With a number: so many jobs were announced to this worker alone. Without: there may be any number. */
  hint(jobs?: number): void {
    if (jobs === undefined) this.#poll = true
    else this.#hints += jobs
  }

  /** The limit of the claim that starts now, and how many hints it answers. */
  claim(room: number): { limit: number; hints: number } {
    const hints = this.#hints
    const limit = this.#poll ? room : Math.min(room, hints)
    this.#hints = 0
    this.#poll &&= room === 0
    return { limit, hints }
  }

  /** The claim found so many jobs for the room that there was. */
  claimed(found: number, room: number): void {
    this.#saturated = found === room
  }

  /** A job ended. Whether that leads to a poll. */
  roomMade(): boolean {
    if (this.#saturated) this.#poll = true
    return this.#saturated
  }
}
