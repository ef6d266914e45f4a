/** Runs before the package is packed: copies the documents that the registry shows from the workspace root. */
import { copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE']) {
  copyFileSync(fileURLToPath(new URL(name, root)), name)
}
