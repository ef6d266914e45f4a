/** Runs before a package is packed: copies documents that the registry shows from the workspace root. Default: all. */
import { copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
const names = process.argv.slice(2)
for (const name of names.length > 0 ? names : ['README.md', 'CHANGELOG.md', 'LICENSE']) {
  copyFileSync(fileURLToPath(new URL(name, root)), name)
}
