/**
 * Names statements so that each connection parses and plans them once: for a few rows, planning takes longer than
 * execution. The number of names is limited, because every connection keeps every plan; further statements are not
 * named.
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
 * Generic plans are made without parameter values, and before the tables have statistics. These settings therefore
 * leave the planner only the plan that is right for a queue of any size: reading an index in order from its start, and
 * nested loops.
 */
export const planSettings: Readonly<Record<string, string>> = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  // If a plan cannot avoid a disabled node, the cost penalty would otherwise trigger JIT compilation.
  jit: 'off',
}

/**
 * For a migration, which reads whole tables page by page. Statistics from before the tables were filled would have the planner read and sort
 * all that is left for each page.
 */
export const pageSettings: Readonly<Record<string, string>> = { enable_bitmapscan: 'off', enable_sort: 'off' }
