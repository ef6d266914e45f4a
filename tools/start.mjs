/** `npm start`: makes the clone ready, then is the demo's server. In this very process, so that signals need no forwarding. */
import { ready } from './ready.mjs'

// npm passes a SIGTERM on to the shell between it and this process, which dies of it and tells nobody. So watch for that.
const shell = process.ppid
if (process.env.npm_lifecycle_event === 'start') {
  const orphaned = () => process.ppid !== shell && process.kill(process.pid, 'SIGTERM')
  setInterval(orphaned, 500).unref()
}

ready()
await import('../examples/reports/dist/server.js')
