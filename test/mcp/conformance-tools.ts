import { setTimeout } from 'node:timers/promises'
import { job } from 'uketsuke'
import { z } from 'zod'

const any = z.object({})
const name = z.object({ name: z.string() })
const ok = z.object({ ok: z.boolean() })

/** The tools that the conformance tests of the tasks extension call. */
export const conformanceTools = {
  greet: job({
    description: 'Greets somebody.',
    mcp: { holdMs: 10_000 },
    input: z.object({ name: z.string() }),
    run: ({ input }) => `Hello, ${input.name}!`,
  }),
  deploy: job({
    description: 'Deploys to a region.',
    mcp: { holdMs: 10_000 },
    input: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
    run: ({ input }) => `Deployed to ${input.region}.`,
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
      const [first, second] = await Promise.all([
        ask('first', { message: 'Your first name?', schema: name }),
        ask('second', { message: 'Your second name?', schema: name }),
      ])
      return [first.content?.name, second.content?.name]
    },
  }),
  test_tool_with_task: job({
    description: 'Asks for a name, and then works longer than a call waits.',
    mcp: { holdMs: 1_500, requiresTasks: true },
    input: any,
    run: async ({ ask, signal }) => {
      const { content } = await ask('user_name', { message: 'Your name?', schema: name })
      await setTimeout(2_500, null, { signal })
      return `Hello, ${content?.name}!`
    },
  }),
  test_input_required_result_elicitation: job({
    description: 'Asks for a name.',
    mcp: { holdMs: 10_000 },
    input: any,
    run: async ({ ask }) => {
      const { content } = await ask('user_name', { message: 'What is your name?', schema: name })
      return `Hello, ${content?.name}!`
    },
  }),
  test_input_required_result_request_state: job({
    description: 'Asks for a confirmation.',
    mcp: { holdMs: 10_000 },
    input: any,
    run: async ({ ask }) => {
      const { content } = await ask('confirm', { message: 'Please confirm', schema: ok })
      return content?.ok === true ? 'state-ok' : 'not confirmed'
    },
  }),
  test_input_required_result_tampered_state: job({
    description: 'Asks for a confirmation.',
    mcp: { holdMs: 10_000 },
    input: any,
    run: ({ ask }) => ask('confirm', { message: 'Please confirm', schema: ok }),
  }),
  test_input_required_result_multi_round: job({
    description: 'Asks twice.',
    mcp: { holdMs: 10_000 },
    input: any,
    run: async ({ ask }) => {
      const first = await ask('step1', { message: 'Step 1: What is your name?', schema: name })
      const color = z.object({ color: z.string() })
      const second = await ask('step2', { message: 'Step 2: What is your favorite color?', schema: color })
      return { ...first.content, ...second.content }
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
