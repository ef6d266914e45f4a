import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile, root, run } from './consumer.ts'

const home = join(root, 'packages/uketsuke')
const clientHome = join(root, 'packages/client')
const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
const manifest = manifestOf(home) as { version: string; exports: Record<string, string> }
const { devDependencies } = manifestOf(root) as { devDependencies: Record<string, string> }

/** What each subpath gives at run time; a name more or less is a change that users see. */
const names: Record<string, string[]> = {
  uketsuke: [
    'JobError',
    'QuotaExceeded',
    'UketsukeError',
    'UnrecoverableError',
    'allOwners',
    'createJobs',
    'defineJobs',
    'errorTitles',
    'handlerAt',
    'job',
    'localFiles',
    'silentLog',
    'sqlite',
    'verifyWebhook',
  ],
  'uketsuke/node': ['listen', 'nodeListener'],
  'uketsuke/express': ['expressAccept', 'expressJobs'],
  'uketsuke/fastify': ['fastifyAccept', 'fastifyJobs'],
  'uketsuke/hono': ['honoAccept', 'honoJobs'],
  'uketsuke/next': ['nextAccept', 'nextJobs'],
  'uketsuke/client': ['JobCancelledError', 'JobFailedError', 'RequestError', 'createClient'],
  'uketsuke/auth': ['jwt'],
  'uketsuke/webhook': ['verifyWebhook'],
  'uketsuke/redis': ['redis'],
  'uketsuke/store': ['allOwners', 'claim', 'isHeldBy'],
  'uketsuke/postgres': ['drizzleTx', 'knexTx', 'kyselyTx', 'postgres', 'prismaTx'],
  'uketsuke/s3': ['s3Files'],
  'uketsuke/environment': ['fromEnvironment', 'redisUrl', 'storeFromEnvironment', 'storeFromUrl'],
  'uketsuke/testing': ['createTestJobs', 'dispatchSuite', 'manualClock', 'memory', 'storeSuite'],
  'uketsuke/package.json': ['default'],
}

const program = `
import { createServer } from 'node:http'
import { allOwners, createJobs, job, sqlite, UnrecoverableError } from 'uketsuke'
import { expressJobs } from 'uketsuke/express'
import { nodeListener } from 'uketsuke/node'
import type { Store } from 'uketsuke/store'
import { manualClock, storeSuite } from 'uketsuke/testing'
import { z } from 'zod'

const input = z.object({ pages: z.int().min(1) })
const print = job({ input, run: async ({ input, progress }) => {
  if (input.pages > 9) throw new UnrecoverableError('Too long')
  for (let page = 1; page <= input.pages; page++) progress((100 * page) / input.pages, 'Page ' + page)
  return { pages: input.pages }
} })
const jobs = createJobs({ jobs: { print }, store: sqlite(':memory:'), authenticate: () => ({ owner: 'ann' }) })
export const server = createServer(nodeListener(jobs))
export const [middleware, suite, clock] = [expressJobs(jobs), storeSuite, manualClock()]
const worker = await jobs.work({ concurrency: 1 })
export const all = (store: Store) => store.list({ owner: allOwners, limit: 10 })
const { jobId } = await jobs.enqueue('print', { pages: 3 })
let pages: number | undefined
for await (const state of jobs.watch('print', jobId, { owner: allOwners })) pages = state.output?.pages
await worker.stop()
await jobs.close()
if (pages !== 3) throw new Error('no pages')
`

/** Jobs of one copy meet an adapter, errors and `allOwners` of the other. */
const copies = `
import assert from 'node:assert'
import { createJobs, job, silentLog, sqlite, UketsukeError } from 'uketsuke'
import * as copy from 'copy'
import { nextJobs } from 'copy/next'
import { z } from 'zod'

assert.notEqual(copy.UketsukeError, UketsukeError)
let runs = 0
const fail = job({ input: z.object({}), run: () => { runs++; throw new copy.UnrecoverableError('No paper', { code: 'no-paper' }) } })
const jobs = createJobs({ jobs: { fail }, store: sqlite(':memory:'), log: silentLog, authenticate: () => {
  throw new copy.QuotaExceeded({ name: 'n', limit: 1, window: 60, remaining: 0, reset: 30 })
} })
const { GET } = nextJobs(jobs, { identify: (request) => request.headers.has('x-user') && { owner: 'system' } })
const { jobId } = await jobs.enqueue('fail', {})
await jobs.work()
for await (const { status, error } of jobs.watch(jobId, { owner: copy.allOwners }))
  if (status === 'failed') assert.deepEqual([error.code, error.message, runs], ['no-paper', 'No paper', 1])
const url = 'http://localhost/api/jobs/' + jobId
assert.equal((await GET(new Request(url, { headers: { 'x-user': 'x' } }))).status, 200)
assert.equal((await GET(new Request(url))).status, 429)
await assert.rejects(jobs.get(jobId, { owner: '' }), (error) => error instanceof copy.UketsukeError && !(error instanceof copy.JobError))
class Own extends copy.JobError {}
assert(new Own('x') instanceof copy.JobError && !(new copy.JobError('x') instanceof Own))
await jobs.close()
console.log('fine')
`

/** A test of a user, for any framework that has `test`. */
const tested = `
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { job } from 'uketsuke'
import { createTestJobs } from 'uketsuke/testing'
import { z } from 'zod'

test('a flaky report', async () => {
  const report = job({ input: z.object({ fails: z.number() }), run({ input, attempt }) {
    if (attempt <= input.fails) throw new Error('no')
    return attempt
  } })
  const jobs = createTestJobs({ jobs: { report } })
  const { jobId } = await jobs.enqueue('report', { fails: 1 }, { webhookUrl: 'https://example.com/' })
  assert.deepEqual((await jobs.drain()).waiting.map((job) => job.jobId), [jobId])
  await jobs.advance('1m')
  assert.equal((await jobs.waitFor(jobId)).output, 2)
  assert.equal(jobs.webhooks.length, 1)
  assert.equal(await jobs.runJob('report', { fails: 0 }), 1)
  await jobs.close()
  writeFileSync('passed', '')
})
`

const bin = (path: string) => join(root, 'node_modules', path)
const frameworks = {
  vitest: {
    head: '',
    command: [bin('vitest/vitest.mjs'), 'run', '--root', '.', '--config', 'vitest.config.mjs', '--globals'],
  },
  jest: {
    head: '',
    command: ['--experimental-vm-modules', bin('jest/bin/jest.js'), '--testMatch', '**/*.test.mjs', '--rootDir', '.'],
  },
  'node:test': {
    head: "import test from 'node:test'",
    command: ['--test', 'a.test.mjs'],
  },
}

const exported = `
import { createJobs, job, silentLog, sqlite } from 'uketsuke'
import { z } from 'zod'

export const print = job({ input: z.object({ pages: z.int() }), run: async () => ({ at: new Date() }) })
export const jobs = createJobs({ jobs: { print }, store: sqlite(':memory:'), log: silentLog })
export const find = (id: string) => jobs.get('print', id, { owner: 'ann' })
`

const compilers = ['node_modules', 'tools/typescript5/node_modules'].map((folder) => {
  const home = join(root, folder, 'typescript')
  return [manifestOf(home).version, join(home, 'bin/tsc')] as [string, string]
})

/** A front end that takes the types of the server's jobs, and nothing else of it. */
const frontEnd = `
import { createClient, JobFailedError, type JobView } from '@uketsuke/client'
import type { AppJobs } from './contract.js'

const client = createClient<AppJobs>({ url: '/api/jobs' })
export async function print(pages: number, show: (job: JobView) => void) {
  const handle = await client.enqueue('print', { pages })
  try {
    const { at } = await handle.result({ onUpdate: (job) => job.status === 'running' && show(job) })
    return at.toUpperCase()
  } catch (error) {
    if (error instanceof JobFailedError) return error.job.error.code
    throw error
  }
}
`

const contract = `
import type { Contract } from 'uketsuke'
import type { jobs } from './jobs.js'

export interface AppJobs extends Contract<typeof jobs> {}
`

/** Lines that must not compile, each with what the compiler says of it. */
const wrongLines = [
  ["void client.enqueue('print', { page: 1 })", "'page' does not exist"],
  ["void client.enqueue('print', { pages: 'one' })", "'string' is not assignable to type 'number'"],
  ["void client.enqueue('prnt', { pages: 1 })", '"prnt"'],
  ["void client.job('print', 'id').result().then((output) => output.url)", "'url' does not exist"],
  // A Date arrives as text.
  [
    "void client.job('print', 'id').result().then(({ at }) => at.getTime())",
    "'getTime' does not exist on type 'string'",
  ],
] as const

let folder: string
let files: string[]
let clientFiles: string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uketsuke-consumer-'))
  const [tarball, clientTarball] = [home, clientHome].map((from) => {
    const packed = run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], from)
    expect(packed.code, packed.said).toBe(0)
    return tarballs(packed.said)[0]!
  }) as [Tarball, Tarball]
  files = tarball.files.map(({ path }) => path)
  clientFiles = clientTarball.files.map(({ path }) => path)
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const others = ['zod', '@types/node'].map((name) => `${name}@${devDependencies[name]}`)
  // Scripts off: no dependency may need one.
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--omit=optional']
  const installed = run(
    'npm',
    ['install', ...flags, ...[tarball, clientTarball].map(({ filename }) => join(folder, filename)), ...others],
    project,
  )
  expect(installed.code, installed.said).toBe(0)
  folder = project
}, 180_000)

afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

describe('the package, as somebody else installs it', () => {
  test('every subpath can be imported, and gives these names', () => {
    const subpaths = Object.keys(manifest.exports).map((path) => `uketsuke${path.slice(1)}`)
    expect(subpaths).toEqual(Object.keys(names))
    const imported = subpaths.map((path) => {
      const how = path.endsWith('.json') ? ", { with: { type: 'json' } }" : ''
      return `'${path}': Object.keys(await import('${path}'${how})).sort()`
    })
    const script = `console.log(JSON.stringify({ ${imported.join(', ')} }))`
    const { said, code } = run(process.execPath, ['--no-warnings', '--input-type=module', '--eval', script], folder)
    expect(code, said).toBe(0)
    expect(JSON.parse(said)).toEqual(names)
  })

  test('without its optional peer, redis() says what to install', () => {
    const script = `
      import { createJobs, sqlite } from 'uketsuke'
      import { redis } from 'uketsuke/redis'
      const jobs = createJobs({ jobs: {}, store: sqlite(':memory:'), dispatch: redis('redis://localhost') })
      await jobs.ready().catch(({ code, message }) => console.log(code, message))
      await jobs.close()`
    const { said, code } = run(process.execPath, ['--no-warnings', '--input-type=module', '--eval', script], folder)
    expect(code, said).toBe(0)
    expect(said).toContain('invalid-configuration')
    expect(said).toContain('npm install @redis/client')
  })

  test('the command is there', () => {
    const { said, code } = run(join(folder, 'node_modules', '.bin', 'uketsuke'), ['--version'], folder)
    expect({ said, code }).toEqual({ said: `${manifest.version}\n`, code: 0 })
  })

  test('nothing else can be imported', () => {
    const paths = ['uketsuke/dist/service.js', 'uketsuke/http', 'uketsuke/src/index.ts']
    const script = `for (const path of ${JSON.stringify(paths)}) await import(path).catch(({ code }) => console.log(path, code))`
    const { said } = run(process.execPath, ['--input-type=module', '--eval', script], folder)
    expect(said).toBe(paths.map((path) => `${path} ERR_PACKAGE_PATH_NOT_EXPORTED\n`).join(''))
  })

  test('the tarball holds what is needed and no more', () => {
    const allowed =
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/[\w./-]+\.(js|d\.ts|js\.map)|pages\/[\w./-]+|reference\/[\w.-]+)$/
    expect(files.filter((path) => !allowed.test(path) || /\.test(-d)?\./.test(path))).toEqual([])
    expect(clientFiles.filter((path) => !allowed.test(path))).toEqual([])
    expect(clientFiles).toEqual(expect.arrayContaining(['README.md', 'dist/index.js', 'dist/react/index.js']))
    expect(files).toEqual(
      expect.arrayContaining(['README.md', 'LICENSE', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts']),
    )
  })

  test('two copies of it in one process work together, as a bundler may make them', () => {
    cpSync(join(folder, 'node_modules/uketsuke'), join(folder, 'node_modules/copy'), { recursive: true })
    writeFileSync(join(folder, 'copies.mjs'), copies)
    expect(run(process.execPath, ['--no-warnings', 'copies.mjs'], folder)).toEqual({ said: 'fine\n', code: 0 })
  })

  test.each(Object.entries(frameworks))('uketsuke/testing works in %s', (_, { head, command }) => {
    const own = mkdtempSync(join(folder, 'framework-'))
    writeFileSync(join(own, 'a.test.mjs'), `${head}\n${tested}`)
    writeFileSync(join(own, 'package.json'), '{"type":"module"}')
    writeFileSync(join(own, 'vitest.config.mjs'), 'export default {}')
    const { said, code } = run(process.execPath, command, own)
    expect(code, said).toBe(0)
    expect(existsSync(join(own, 'passed')), said).toBe(true)
  })

  test('a strict TypeScript program compiles against it and runs', () => {
    writeFileSync(join(folder, 'program.ts'), program)
    expect(compile(folder, ['program.ts'], ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'])).toBe('')
    expect(compile(folder, ['program.ts'], ['--noEmit', 'false', '--outDir', '.'])).toBe('')
    const { said, code } = run(process.execPath, ['program.js'], folder)
    expect(code, said).toBe(0)
  })
})

describe.each(compilers)('a front end that takes the types of the jobs, with TypeScript %s', (_, tsc) => {
  let own = ''
  let declared = ''
  const server = { strict: true, declaration: true, module: 'nodenext', target: 'es2023', skipLibCheck: true }
  const compiled = (options: object) => {
    writeFileSync(join(own, 'tsconfig.json'), JSON.stringify(options))
    return run(process.execPath, [tsc, '-p', '.'], own).said
  }
  /** The front end gets nothing of the server but its declarations. */
  beforeAll(() => {
    own = mkdtempSync(join(folder, 'front-'))
    writeFileSync(join(own, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    writeFileSync(join(own, 'jobs.ts'), exported)
    writeFileSync(join(own, 'contract.ts'), contract)
    expect(compiled({ compilerOptions: { ...server, types: ['node'] }, include: ['jobs.ts', 'contract.ts'] })).toBe('')
    declared = readFileSync(join(own, 'contract.d.ts'), 'utf8')
    for (const name of ['jobs.ts', 'contract.ts']) rmSync(join(own, name))
  })

  /** Compiles a front end without the types of Node. */
  function compileFrontEnd(program: string): string {
    writeFileSync(join(own, 'front.ts'), program)
    const browser = { module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom', 'dom.iterable'], types: [] }
    const compilerOptions = { ...server, ...browser, exactOptionalPropertyTypes: true }
    return compiled({ compilerOptions, include: ['front.ts'] })
  }

  test('compiles, with a contract that is declared by its name, and imports nothing of the server', () => {
    expect(compileFrontEnd(frontEnd)).toBe('')
    expect(declared.replace(/\s+/g, ' ')).toContain('interface AppJobs extends Contract<typeof jobs> { }')
    expect(readFileSync(join(own, 'front.js'), 'utf8').match(/from '.*'/g)).toEqual(["from '@uketsuke/client'"])
  })

  test('does not compile with wrong members', () => {
    const start = `${frontEnd.slice(0, frontEnd.indexOf('export async')).trim()}\n`
    const before = start.split('\n').length
    const said = compileFrontEnd(start + wrongLines.map(([line]) => line).join('\n'))
    const messages = said.trim().split(/\n(?=front\.ts)/)
    expect(messages).toEqual(
      wrongLines.map(([, message], i) =>
        expect.stringMatching(new RegExp(`^front\\.ts\\(${before + i},[^]*${message}`)),
      ),
    )
  })
})

describe.each(compilers)('a program that exports its jobs, with TypeScript %s', (_, tsc) => {
  test.each([
    ['an ES module', 'module', 'nodenext', 'nodenext'],
    ['an ES module for a bundler', 'module', 'esnext', 'bundler'],
    ['CommonJS', 'commonjs', 'nodenext', 'nodenext'],
  ])('has readable declarations, and runs, as %s', (_, type, module, moduleResolution) => {
    const own = mkdtempSync(join(folder, 'declared-'))
    const compilerOptions = { strict: true, declaration: true, composite: true, skipLibCheck: true }
    const more = { module, moduleResolution, target: 'es2023', types: ['node'] }
    writeFileSync(join(own, 'package.json'), JSON.stringify({ private: true, type }))
    writeFileSync(join(own, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, ...more } }))
    writeFileSync(join(own, 'jobs.ts'), exported)
    expect(run(process.execPath, [tsc, '-p', '.'], own)).toEqual({ said: '', code: 0 })
    const declared = readFileSync(join(own, 'jobs.d.ts'), 'utf8')
      .replace(/import\("uketsuke"[^)]*\)\./g, '')
      .replace(/\s+/g, ' ')
    expect(declared).toContain('const jobs: Jobs<{')
    expect(declared).toContain(
      'find: (id: string) => Promise<JobView<"print", { at: string; }, { pages: number; }> | null>',
    )
    const script =
      "import('./jobs.js').then(({ jobs }) => jobs.enqueue('print', { pages: 3 })).then(({ status }) => { console.log(status); process.exit() })"
    expect(run(process.execPath, ['--no-warnings', '--eval', script], own)).toEqual({ said: 'pending\n', code: 0 })
  })
})

interface Tarball {
  filename: string
  files: { path: string }[]
}

/** npm 10 and 11 give a list, npm 12 an object by name. */
function tarballs(json: string): Tarball[] {
  return Object.values(JSON.parse(json))
}
