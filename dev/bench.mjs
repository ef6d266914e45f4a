/** `npm run bench`: makes the clone ready, builds the bench where it is stale, and runs it in this very process. */

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isStale, ready } from './ready.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

ready()
if (isStale(root, ['bench/src', 'bench/tsconfig.json', 'dist/index.d.ts'], 'bench/dist')) {
  rmSync(join(root, 'bench/dist'), { recursive: true, force: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'bench'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) {
    rmSync(join(root, 'bench/dist'), { recursive: true, force: true })
    process.exit(1)
  }
}
await import('../bench/dist/run.js')
