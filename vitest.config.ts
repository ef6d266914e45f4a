import { defineConfig } from 'vitest/config'

/** The pure rules: their own tests cover every branch. */
const domain = ['packages/*/src/domain/**/*.test.ts']

/** Tests that measure a time or kill at random run alone: there may be only two cores. */
const alone = [
  'test/{chaos,crash}/**/*.test.ts',
  'test/browser/{client,next}.test.ts',
  'test/postgres/{pickup-latency,two-processes,query-plans}.test.ts',
  'test/faults/redis-processes.test.ts',
]

/** Tests with real processes and servers mostly wait for them. Hono's server replaces the global `Request`: its tests are isolated. */
const servers = [
  'test/http/{adapters,mounts}.test.ts',
  'test/{bench,browser,cli,examples,faults}/**/*.test.ts',
  'test/dashboard/scale.test.ts',
  'test/mcp/{client,conformance}.test.ts',
  'test/output/conformance.test.ts',
  'test/isolation/**/*.test.ts',
  'test/files/full-disk.test.ts',
  'test/package/{docs,exports}.test.ts',
  'test/postgres/*.test.ts',
  'test/store/postgres*.test.ts',
  'examples/*/test/**/*.test.ts',
]

/** The sources of the client, as TypeScript sees them; the server package itself imports the built one. */
const client = new URL('packages/client/src/', import.meta.url).pathname
const alias = [
  { find: /^@uketsuke\/client$/, replacement: `${client}index.ts` },
  { find: /^@uketsuke\/client\/react$/, replacement: `${client}react/index.ts` },
]

const patient = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 30_000 } } }

export default defineConfig({
  resolve: { alias },
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
        // Alone with coverage, which would slow down all other tests.
        test: { name: 'domain', include: domain, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'quick',
          isolate: false,
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...domain, ...alone, ...servers, '**/node_modules/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: servers,
          // They mostly wait.
          maxWorkers: 3,
          exclude: [...alone, '**/node_modules/**'],
          ...patient,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, ...patient, maxWorkers: 1, sequence: { groupOrder: 3 } },
      },
    ],
  },
})
