import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Its figures mean nothing here; what counts is that every run found each job done exactly once. */
test('the bench’s short form loses no job', { timeout: 300_000 }, async () => {
  const child = spawn(process.execPath, ['tools/bench.mjs', '--short'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk
    })
  }
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect(said).not.toContain('FAILED')
  expect(said).toContain('steady 1/1 uketsuke-sqlite: rate')
  expect(code).toBe(0)
})
