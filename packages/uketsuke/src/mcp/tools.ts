import { assertConfiguration } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import type { JobType } from '../definition/define.ts'
import { builtInTools, isToolName, type McpTool } from '../definition/mcp-tool.ts'
import { jsonSchema } from '../http/openapi/type-schemas.ts'
import { type Client, isObject } from './message.ts'

/** A job type that is offered as a tool. */
export interface Tool extends McpTool {
  readonly type: string
  readonly description: string
  readonly inputSchema: object
  /** Undefined if the type has no output schema. */
  readonly outputSchema: unknown
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
    tools.set(name, { ...mcp, type, description: description ?? '', inputSchema, outputSchema })
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

/** The tools as a client sees them. A client without tasks is not told of outputs, which it may not get within one call. */
export function listed(tools: Tools, { tasks }: Client, canRead: boolean): object[] {
  const own = [...tools].map(([name, { description, annotations, inputSchema, outputSchema }]) => ({
    name,
    ...(annotations?.title !== undefined && { title: annotations.title }),
    description,
    inputSchema,
    ...(tasks && canRead && outputSchema !== undefined && { outputSchema }),
    ...(annotations !== null && { annotations }),
  }))
  return tasks ? own : [...own, ...forClientsWithoutTasks]
}

const jobId = { type: 'string', description: 'The id that the call of a tool has returned.' }

const forClientsWithoutTasks = [
  {
    name: builtInTools.status,
    description: 'Waits for a job that another tool has started, and returns its result, or how far it is.',
    inputSchema: {
      type: 'object',
      properties: {
        jobId,
        waitSeconds: {
          type: 'integer',
          minimum: 0,
          maximum: 50,
          default: 20,
          description: 'How long to wait for the end of the job.',
        },
      },
      required: ['jobId'],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  {
    name: builtInTools.cancel,
    description: 'Cancels a job that another tool has started.',
    inputSchema: { type: 'object', properties: { jobId }, required: ['jobId'], additionalProperties: false },
    annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
  },
]
