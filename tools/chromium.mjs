import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** An installed Chromium: `CHROMIUM`, else one of the usual names on the PATH, else null. */
function findChromium() {
  if (process.env.CHROMIUM) return existsSync(process.env.CHROMIUM) ? process.env.CHROMIUM : null
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path)) ?? null
}

/**
 * The path of a Chromium for the browser tests. As root with apt-get, installs Debian's package if there is none.
 * @throws an Error that says what to do
 */
export function chromium() {
  const found = findChromium()
  if (found) return found
  if (process.env.CHROMIUM) throw new Error(`CHROMIUM is set to ${process.env.CHROMIUM}, which does not exist.`)
  const hasApt = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0
  if (hasApt) {
    console.log('Chromium not found: installing it with apt-get…')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = { stdio: ['ignore', 'ignore', 'inherit'], env }
    try {
      execFileSync('apt-get', ['update', '-qq'], options)
      // Without the font, Japanese text renders as boxes.
      const packages = ['chromium', 'fonts-ipafont-gothic']
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options)
    } catch {
      throw new Error('apt-get could not install Chromium. Install it manually, or set CHROMIUM to its path.')
    }
    const installed = findChromium()
    if (installed) return installed
  }
  throw new Error(
    'The browser tests need Chromium: install it (Debian: apt-get install chromium), or set CHROMIUM to its path.',
  )
}
