/** The sizes of what a browser loads: the client, bundled and minified, and the pages of the dashboard. All compressed with gzip. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const src = fileURLToPath(new URL('../packages/client/src/', import.meta.url))

/** What a page imports, and how many bytes that may have. */
const limits = [
  { name: '@uketsuke/client', code: `export * from '${src}index.ts'`, most: 4_400 },
  {
    name: '@uketsuke/client with /react',
    code: `export * from '${src}index.ts'; export { createHooks } from '${src}react/index.ts'`,
    most: 6_000,
  },
]

/** Prints the sizes. Returns an error message, '' if all are within their limits. */
export async function checkSizes() {
  const errors = []
  for (const { name, code, most } of limits) {
    const size = gzipSync(await bundled(code), { level: 9 }).length
    console.log(`     ${name}: ${size} bytes gzipped, of at most ${most}`)
    if (size > most) errors.push(`${name} has ${size} bytes gzipped; at most ${most} are allowed`)
  }
  return errors.join('\n')
}

/** All files of the dashboard together. */
const mostOfDashboard = 60_000

/** Prints the size of the built pages. Returns an error message, '' if it is within its limit. */
export function checkDashboardSize() {
  const folder = fileURLToPath(new URL('../packages/uketsuke/pages/', import.meta.url))
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  const size = files.reduce((sum, { parentPath, path, name }) => {
    return sum + gzipSync(readFileSync(join(parentPath ?? path, name)), { level: 9 }).length
  }, 0)
  console.log(`     dashboard: ${size} bytes gzipped in ${files.length} files, of at most ${mostOfDashboard}`)
  return size <= mostOfDashboard
    ? ''
    : `The dashboard has ${size} bytes gzipped; at most ${mostOfDashboard} are allowed`
}

/** Also checks that a browser can load it: anything but React from outside is an error. */
async function bundled(code) {
  const entry = {
    name: 'entry',
    resolveId: (id) => (id === 'entry' ? id : null),
    load: (id) => (id === 'entry' ? code : null),
  }
  const bundle = await rolldown({
    input: 'entry',
    plugins: [entry],
    platform: 'browser',
    external: ['react'],
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message)
    },
  })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  const outside = output[0].imports.filter((one) => one !== 'react')
  if (outside.length > 0) throw new Error(`The client imports ${outside.join(', ')}.`)
  return output[0].code
}
