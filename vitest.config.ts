import { defineConfig } from 'vitest/config'

/** What measures a latency, kills at random or drives a browser is alone on the machine: two cores are all there may be. */
const alone = [
  'test/{browser,chaos,crash}/**/*.test.ts',
  'test/postgres/{pickup-latency,two-processes,query-plans}.test.ts',
  'test/faults/redis-processes.test.ts',
]

/** Real processes and servers of their own, whose tests mostly wait for them: two files at a time. */
const servers = [
  'test/{bench,cli,faults}/**/*.test.ts',
  'test/package/{docs,exports}.test.ts',
  'test/postgres/*.test.ts',
  'test/store/postgres*.test.ts',
  'examples/*/test/**/*.test.ts',
]

const patient = { testTimeout: 120_000, hookTimeout: 120_000 }

export default defineConfig({
  test: {
    maxWorkers: 2,
    setupFiles: ['test/log-guard.ts'],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/domain/**/*.ts'],
      exclude: ['**/*.test.ts'],
      reporter: ['text'],
      thresholds: { statements: 100, branches: 100, functions: 100, lines: 100 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...alone, ...servers, '**/node_modules/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: servers,
          exclude: [...alone, '**/node_modules/**'],
          ...patient,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, ...patient, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
})
