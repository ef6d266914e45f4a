import { setTimeout } from 'node:timers/promises'
import { job } from 'uketsuke'
import { z } from 'zod'

const any = z.object({})

/** The tools that the conformance tests of the tasks extension call. */
export const conformanceTools = {
  greet: job({
    description: 'Greets somebody.',
    mcp: { holdMs: 10_000 },
    input: z.object({ name: z.string() }),
    run: ({ input }) => `Hello, ${input.name}!`,
  }),
  slow_compute: job({
    description: 'Computes for some seconds.',
    mcp: { holdMs: 200 },
    input: z.object({ seconds: z.number(), label: z.string().optional() }),
    run: async ({ input, signal }) => {
      await setTimeout(input.seconds * 1_000, null, { signal })
      return { label: input.label ?? null }
    },
  }),
  failing_job: job({
    description: 'Fails.',
    mcp: { holdMs: 0, requiresTasks: true },
    input: any,
    maxAttempts: 1,
    run: () => {
      throw new Error('It broke.')
    },
  }),
  confirm_delete: job({
    description: 'Would ask for a confirmation, if handlers could ask.',
    mcp: { holdMs: 0 },
    input: z.object({ filename: z.string() }),
    run: () => 'not deleted',
  }),
  protocol_error_job: job({
    description: 'Ends its thread.',
    mcp: { holdMs: 0 },
    input: any,
    maxAttempts: 1,
    isolation: 'thread',
    run: new URL('./exits.mjs', import.meta.url),
  }),
}
