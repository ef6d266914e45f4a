/** Before the package is packed: gives it the documents that its users read on the registry, from the root of the workspace. */
import { copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE']) {
  copyFileSync(fileURLToPath(new URL(name, root)), name)
}
