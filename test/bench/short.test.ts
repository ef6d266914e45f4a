import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Ignores the figures: it checks that each job ran exactly once in every run. */
test('the short form of the benchmark loses no job', { timeout: 300_000 }, async () => {
  const child = spawn(process.execPath, ['tools/bench.mjs', '--short'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  }
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect(output).not.toContain('FAILED')
  expect(output).toContain('steady 1/1 uketsuke-sqlite: rate')
  expect(code).toBe(0)
})
