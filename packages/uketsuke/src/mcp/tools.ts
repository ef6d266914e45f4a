import { assertConfiguration } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import type { JobType } from '../definition/define.ts'
import { jsonSchema } from '../definition/json-schema.ts'
import { builtInTools, isToolName, type McpTool } from '../definition/mcp-tool.ts'
import { isObject } from '../domain/json.ts'
import { type ArgumentHeader, argumentHeaders } from './argument-headers.ts'

/** A job type that is offered as a tool. */
export interface Tool extends McpTool {
  readonly type: string
  readonly description: string
  readonly inputSchema: object
  /** Undefined if the type has no output schema. */
  readonly outputSchema: unknown
  /** The arguments that clients repeat in header fields. */
  readonly argumentHeaders: readonly ArgumentHeader[]
}

/** The tools, by their names. */
export type Tools = ReadonlyMap<string, Tool>

/** @throws {UketsukeError} `invalid-configuration` if two have the same name, or one takes no object */
export function toolsOf(types: ReadonlyMap<string, JobType>, log: Log): Tools {
  const tools = new Map<string, Tool>()
  for (const [type, { mcp, description, input, output }] of types) {
    if (mcp === null) continue
    const name = mcp.name ?? type
    assertConfiguration(isToolName(name), `mcp(): ${type} is no name of a tool: set mcp.name`)
    const taken = tools.has(name) || Object.values<string>(builtInTools).includes(name)
    assertConfiguration(!taken, `mcp(): there are two tools with the name ${name}: set mcp.name`)
    const inputSchema = argumentsSchema(type, input, log)
    const outputSchema = output === undefined ? undefined : jsonSchema(output, 'output').schema
    const schemas = { inputSchema, outputSchema, argumentHeaders: argumentHeaders(name, inputSchema) }
    tools.set(name, { ...mcp, type, description: description ?? '', ...schemas })
  }
  return tools
}

function argumentsSchema(type: string, input: unknown, log: Log): object {
  const { schema, lost, err, vendor } = jsonSchema(input, 'input')
  if (lost !== null)
    log.warn(
      { err, type, vendor },
      `the schema of a tool allows any value for ${lost === 'all' ? 'all' : 'a part'} of it`,
    )
  const fits = isObject(schema) && (schema.type === undefined || schema.type === 'object')
  assertConfiguration(fits, `mcp(): the input of ${type} must be an object, since the arguments of a tool are one`)
  return { ...schema, type: 'object' }
}
