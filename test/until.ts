interface Patience {
  /** How long to look at most, in milliseconds of real time; 30,000 by default. */
  ms?: number
  /** What to print besides, when it fails. */
  more?: () => string
}

/**
 * Looks again and again until `look` gives something truthy, and resolves with that: for sockets, threads and processes, which take real
 * time. Fails with `what` once the time is over.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  what = String(look),
  { ms = 30_000, more }: Patience = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found) return found
    if (performance.now() > deadline) throw new Error(`Not within ${ms} ms: ${what}\n${more?.() ?? ''}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
