import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compile, root } from './consumer.ts'

const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'] as const
const textOf = (name: string) => readFileSync(join(root, name), 'utf8')

test('every TypeScript block of the documents compiles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-readme-'))
  try {
    // As if the package and its users' libraries had been installed there.
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const files = documents.flatMap((name) =>
      [...textOf(name).matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = ''], i) => {
        const file = `${name.replace('.md', '')}-${i + 1}.ts`
        writeFileSync(join(folder, file), code)
        return file
      }),
    )
    expect(files.length).toBeGreaterThan(1)
    expect(compile(folder, files, ['--skipLibCheck'])).toBe('')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('every path and picture that the documents name is there', () => {
  for (const name of documents) {
    const links = [...textOf(name).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, path = '']) => path)
    expect(
      links.filter((path) => !existsSync(join(root, path))),
      name,
    ).toEqual([])
    // `packages/uketsuke/src/domain/rules.ts` and the like, in back ticks.
    const files = [...textOf(name).matchAll(/`((?:packages|test|tools|examples|bench|docs)\/[\w./-]+\.\w+)`/g)].map(
      ([, path = '']) => path,
    )
    expect(
      files.filter((path) => !existsSync(join(root, path))),
      name,
    ).toEqual([])
  }
})

test('every npm script that the documents name is there', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  for (const name of documents) {
    const named = [...textOf(name).matchAll(/npm run ([a-z]+)/g)].map(([, script = '']) => script)
    expect(
      named.filter((script) => !(script in scripts)),
      name,
    ).toEqual([])
  }
})
