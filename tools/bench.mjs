/** `npm run bench`: makes the clone ready, builds the bench where it is stale, and runs it in this very process. */
import { ready, readyBench } from './ready.mjs'

ready()
readyBench()
await import('../bench/dist/run.js')
