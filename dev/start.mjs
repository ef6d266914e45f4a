/** `npm start`: makes the clone ready, then is the demo's server. In this very process, so that signals need no forwarding. */
import { ready } from './ready.mjs'

ready()
await import('../examples/reports/dist/server.js')
