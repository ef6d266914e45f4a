/**
 * Names for the texts that a store sends, so that each connection parses and plans them once: planning takes longer than running what
 * is about a few rows. Their number is bounded, since every connection keeps every plan; whatever comes later goes without a name.
 */
export class PreparedStatements {
  readonly #names = new Map<string, string>()

  nameOf(text: string): string | undefined {
    const known = this.#names.get(text)
    if (known !== undefined || this.#names.size >= most) return known
    const name = `uketsuke_${this.#names.size}`
    this.#names.set(text, name)
    return name
  }
}

const most = 60

/**
 * Kept plans are made without values, and before there is anything to count. So the planner has no choice but the one that is right
 * for a queue of any size: from the front of an index that has the order, and row by row from one table to the next.
 */
export const planSettings = Object.entries({
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  // Where it cannot do without one of them, the penalty makes it look expensive enough to compile.
  jit: 'off',
})
