import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

// By its address: it is a program of Node's own, without types.
const { isStale, wrongNode } = await import(new URL('../../tools/ready.mjs', import.meta.url).href)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uketsuke-ready-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function written(path: string, second: number) {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), '')
  await utimes(join(folder, path), second, second)
}

it('builds what was never built', async () => {
  await written('src/a.ts', 1)
  expect(isStale(folder, ['src'], 'dist')).toBe(true)
})

it('leaves alone what is newer than everything that it was made from', async () => {
  await written('src/a.ts', 1)
  await written('src/deep/b.ts', 2)
  await written('tsconfig.json', 1)
  await written('dist/a.js', 3)
  expect(isStale(folder, ['src', 'tsconfig.json'], 'dist')).toBe(false)
})

it('builds again after a change, however deep', async () => {
  await written('dist/a.js', 3)
  await written('src/deep/deeper/b.ts', 4)
  expect(isStale(folder, ['src', 'tsconfig.json'], 'dist')).toBe(true)
})

it.each(['18.20.0', '20.18.3'])('says in a sentence that Node %s is too old', (version) => {
  expect(wrongNode(version)).toMatch(new RegExp(`^This needs Node 20\\.19 or newer.*${version}\\.$`))
})

it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('runs on Node %s', (version) => {
  expect(wrongNode(version)).toBeNull()
})
