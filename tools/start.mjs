/** `npm start`: prepares the checkout, then runs the demo server in this process, so that it receives signals directly. */
import { prepare } from './prepare.mjs'

// npm sends a SIGTERM to the shell that started this process. The shell exits and does not forward it, so detect its exit.
const shell = process.ppid
if (process.env.npm_lifecycle_event === 'start') {
  const stopWithShell = () => process.ppid !== shell && process.kill(process.pid, 'SIGTERM')
  setInterval(stopWithShell, 500).unref()
}

prepare()
await import('../examples/reports/dist/server.js')
