import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

// Imported by URL, since it has no types.
const { isStale, nodeVersionError } = await import(new URL('../../tools/prepare.mjs', import.meta.url).href)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uketsuke-prepare-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function written(path: string, second: number) {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), '')
  await utimes(join(folder, path), second, second)
}

it('missing output is stale', async () => {
  await written('src/a.ts', 1)
  expect(isStale(folder, ['src'], 'dist')).toBe(true)
})

it('output newer than all of its sources is not stale', async () => {
  await written('src/a.ts', 1)
  await written('src/deep/b.ts', 2)
  await written('tsconfig.json', 1)
  await written('dist/a.js', 3)
  expect(isStale(folder, ['src', 'tsconfig.json'], 'dist')).toBe(false)
})

it('output is stale after a change in a nested folder', async () => {
  await written('dist/a.js', 3)
  await written('src/deep/deeper/b.ts', 4)
  expect(isStale(folder, ['src', 'tsconfig.json'], 'dist')).toBe(true)
})

it.each(['18.20.0', '20.18.3'])('Node %s is too old', (version) => {
  expect(nodeVersionError(version)).toMatch(new RegExp(`^Node 20\\.19 or newer is required.*${version}\\.$`))
})

it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('Node %s is supported', (version) => {
  expect(nodeVersionError(version)).toBeNull()
})
