/**
 * keep.mjs <folder> <uid> <gid> <program> <argument>…: runs a server and exits with it. When standard input closes, because the parent
 * is done or has ended (even by SIGKILL), it stops the server and removes its folder.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

const [folder, uid, gid, program, ...rest] = process.argv.slice(2)
const account = uid === '' ? {} : { uid: Number(uid), gid: Number(gid) }
const child = spawn(program, rest, { ...account, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
let ending = false
// If the parent was killed, the output of the server cannot be written.
process.stderr.on('error', () => {})
const end = () => {
  ending = true
  child.kill('SIGINT')
  setTimeout(() => child.kill('SIGKILL'), 5_000).unref()
}
process.stdin.on('error', () => {}).on('end', end)
process.stdin.resume()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
child.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
child.on('exit', (code) => {
  if (ending) rmSync(folder, { recursive: true, force: true })
  process.exit(code ?? 1)
})
