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
    description: 'Deletes a file if the user confirms it.',
    mcp: { holdMs: 0 },
    input: z.object({ filename: z.string() }),
    run: async ({ input, ask }) => {
      const schema = z.object({ confirm: z.boolean() })
      const { content } = await ask('confirm', { message: `Delete ${input.filename}?`, schema })
      return content?.confirm === true ? 'deleted' : 'kept'
    },
  }),
  multi_input: job({
    description: 'Asks two questions at once.',
    mcp: { holdMs: 0 },
    input: any,
    run: async ({ ask }) => {
      const schema = z.object({ name: z.string() })
      const [first, second] = await Promise.all([
        ask('first', { message: 'Your first name?', schema }),
        ask('second', { message: 'Your second name?', schema }),
      ])
      return [first.content?.name, second.content?.name]
    },
  }),
  test_tool_with_task: job({
    description: 'Asks for a name, and then works longer than a call waits.',
    mcp: { holdMs: 1_500, requiresTasks: true },
    input: any,
    run: async ({ ask, signal }) => {
      const { content } = await ask('user_name', { message: 'Your name?', schema: z.object({ name: z.string() }) })
      await setTimeout(2_500, null, { signal })
      return `Hello, ${content?.name}!`
    },
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
