import { assertConfiguration } from '../base/assert.ts'
import { integerOption } from '../domain/numbers.ts'

/** What a client may assume about a tool, as the Model Context Protocol defines it. They are hints for people and models. */
export interface ToolAnnotations {
  /** A name for people. */
  title?: string
  /** The tool changes nothing. Default: false. */
  readOnlyHint?: boolean
  /** The tool may delete or overwrite something. Default: true. */
  destructiveHint?: boolean
  /** A second call with the same arguments has no further effect. Default: false. */
  idempotentHint?: boolean
  /** The tool reaches beyond this system, such as to the web. Default: true. */
  openWorldHint?: boolean
}

/** How a job type is offered as a tool. */
export interface McpToolOptions {
  /** 1 to 128 characters from A-Z a-z 0-9 _ . - Default: the name of the job type. */
  name?: string
  annotations?: ToolAnnotations
  /**
   * How long a call waits for the job, in milliseconds, up to 50,000. A job that ends in time is answered with its result, any other with
   * a task. Default: 2,000.
   */
  holdMs?: number
  /** Refuses clients that do not support tasks. Default: they get `job_status` and `job_cancel` instead. */
  requiresTasks?: boolean
}

/** The options of a tool, checked. */
export interface McpTool {
  /** Null: the name of the type. */
  readonly name: string | null
  readonly annotations: ToolAnnotations | null
  readonly holdMs: number
  readonly requiresTasks: boolean
}

/** The tools that clients without tasks get. */
export const builtInTools = { status: 'job_status', cancel: 'job_cancel' } as const

const hints = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const

export const isToolName = (name: unknown): name is string => typeof name === 'string' && /^[\w.-]{1,128}$/.test(name)

/** Null for a type that is no tool. @throws `invalid-configuration` */
export function mcpToolOption(mcp: boolean | McpToolOptions | undefined, description: unknown): McpTool | null {
  if (mcp === undefined || mcp === false) return null
  const options = mcp === true ? {} : mcp
  assertConfiguration(typeof options === 'object' && options !== null, 'job(): mcp must be true or an object')
  assertConfiguration(
    typeof description === 'string' && description.trim() !== '',
    'job(): mcp needs a description, by which a model decides when to call the tool',
  )
  const { name = null, annotations = null, holdMs, requiresTasks = false } = options
  assertConfiguration(
    name === null || isToolName(name),
    'job(): mcp.name must be 1 to 128 characters from A-Z a-z 0-9 _ . -',
  )
  assertConfiguration(typeof requiresTasks === 'boolean', 'job(): mcp.requiresTasks must be true or false')
  if (annotations !== null) checkAnnotations(annotations)
  const hold = { min: 0, max: 50_000, of: 'milliseconds' }
  return { name, annotations, holdMs: integerOption('job(): mcp.holdMs', holdMs, 2_000, hold), requiresTasks }
}

function checkAnnotations(annotations: ToolAnnotations): void {
  assertConfiguration(typeof annotations === 'object', 'job(): mcp.annotations must be an object')
  for (const [name, value] of Object.entries(annotations)) {
    const fine = name === 'title' ? typeof value === 'string' : hints.some((hint) => hint === name)
    assertConfiguration(fine, `job(): mcp.annotations.${name} is not an annotation of tools`)
    assertConfiguration(
      name === 'title' || typeof value === 'boolean',
      `job(): mcp.annotations.${name} must be true or false`,
    )
  }
}
