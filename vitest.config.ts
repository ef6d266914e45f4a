import { defineConfig } from 'vitest/config'

/** Real processes, sockets, browsers and kills: one file after another, since two cores are all there may be. */
const heavy = [
  'test/{chaos,crash,faults,browser}/**/*.test.ts',
  'test/package/exports.test.ts',
  'src/store/postgres/*.test.ts',
  'test/postgres/*.test.ts',
  'examples/*/test/**/*.test.ts',
]

export default defineConfig({
  test: {
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/domain/**/*.ts'],
      exclude: ['**/*.test.ts'],
      reporter: ['text'],
      thresholds: { statements: 100, branches: 100, functions: 100, lines: 100 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...heavy, '**/node_modules/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'heavy',
          include: heavy,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
