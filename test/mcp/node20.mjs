import { register } from 'node:module'

// The runner imports `globSync` from fs, which Node.js has since version 22. Nothing here calls it.
const hooks = `
  export const resolve = (name, context, next) =>
    name === 'fs' && context.parentURL?.includes('/@modelcontextprotocol/conformance/')
      ? { url: 'data:text/javascript,import fs from "node:fs";export * from "node:fs";export const globSync=()=>[];export default fs', shortCircuit: true }
      : next(name, context)
`
const [major] = process.versions.node.split('.')
if (Number(major) < 22) register(`data:text/javascript,${encodeURIComponent(hooks)}`)
