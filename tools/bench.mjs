/** `npm run bench`: prepares the checkout, builds the benchmark if it is stale, and runs it in this process. */
import { prepare, prepareBench } from './prepare.mjs'

prepare()
prepareBench()
await import('../bench/dist/run.js')
