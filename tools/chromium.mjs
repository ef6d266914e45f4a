import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A Chromium that is there: `CHROMIUM`, else one of the usual names on the PATH; null where there is none. */
function find() {
  if (process.env.CHROMIUM) return existsSync(process.env.CHROMIUM) ? process.env.CHROMIUM : null
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path)) ?? null
}

/**
 * The path of a Chromium for the browser tests. Installs Debian's where there is none and this may: root, with apt-get.
 * @throws a sentence that says what to do
 */
export function chromium() {
  const found = find()
  if (found) return found
  if (process.env.CHROMIUM) throw new Error(`CHROMIUM is ${process.env.CHROMIUM}, and there is no such file.`)
  const apt = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0
  if (apt) {
    console.log('Chromium is not here: installing it with apt-get.')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const quietly = { stdio: ['ignore', 'ignore', 'inherit'], env }
    try {
      execFileSync('apt-get', ['update', '-qq'], quietly)
      // Without the font, Japanese shows as boxes.
      const packages = ['chromium', 'fonts-ipafont-gothic']
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quietly)
    } catch {
      throw new Error('apt-get could not install Chromium. Install it by hand, or set CHROMIUM to the path of one.')
    }
    const installed = find()
    if (installed) return installed
  }
  throw new Error(
    'The browser tests need Chromium: install it (Debian: apt-get install chromium), or set CHROMIUM to its path.',
  )
}
