/** With Node's `--import`, gives every importer of `typescript` version 5, which has the API that generators need. */
import { register } from 'node:module'

const five = JSON.stringify(import.meta.resolve('typescript'))
const hook = `export const resolve = (name, context, next) => next(name === 'typescript' ? ${five} : name, context)`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
