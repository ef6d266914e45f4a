import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorTitles } from '../../packages/uketsuke/src/domain/errors.ts'
import { freePort } from '../servers/machine.ts'
import { startNginx } from '../servers/nginx.ts'
import { root, run } from './consumer.ts'
import { anchorsOf, type Block, blocksOf, type Curl, curlOf, flag, linksOf } from './markdown.ts'

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const textOf = (name: string) => readFileSync(join(root, name), 'utf8')

/** One code block and the file that holds it, relative to the folder of all pages. */
interface Source extends Block {
  readonly page: string
  readonly file: string
}

const sources: Source[] = documents.flatMap((page) => {
  const folder = page.replace(/^docs\//, '').replace('.md', '')
  return blocksOf(textOf(page))
    .filter(({ language }) => language === 'ts' || language === 'js')
    .map((block, i) => {
      const extension = block.language === 'ts' ? 'ts' : block.code.includes('require(') ? 'cjs' : 'mjs'
      return { ...block, page, file: `${folder}/${flag(block, 'file') ?? `block-${i + 1}.${extension}`}` }
    })
})

let folder: string
let complaints: string
/** Where the compiled pages are. */
const compiled = () => join(folder, 'out')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uketsuke-docs-'))
  // As if the package and its users' libraries had been installed there.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const { file, code, language } of sources) {
    const path = join(language === 'ts' ? folder : compiled(), file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, relativeImports(file, code))
  }
  shareJobs()
  const files = sources.filter(({ language }) => language === 'ts').map(({ file }) => file)
  const options = '--strict --module nodenext --target es2023 --types node --skipLibCheck --experimentalDecorators'
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, ...options.split(' '), '--rootDir', '.', '--outDir', 'out', ...files]
  complaints = run(process.execPath, args, folder).said
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** `@/` is the root of a Next.js project. */
const relativeImports = (file: string, code: string) => {
  const up = relative(dirname(file), file.split('/')[0] ?? '')
  return code.replace(/'@\/([\w/-]+)'/g, (_, path: string) => `'${up || '.'}/${path}.js'`)
}

/** A page without a `jobs.ts` of its own imports the one of "Getting started". */
function shareJobs(): void {
  const jobs = sources.find(({ file }) => file === 'getting-started/jobs.ts')?.code ?? ''
  for (const page of new Set(sources.map(({ file }) => file.split('/')[0] ?? ''))) {
    const path = join(folder, page, 'jobs.ts')
    if (!existsSync(path) && existsSync(dirname(path))) writeFileSync(path, jobs)
  }
}

test('every TypeScript block compiles against the built package', () => {
  expect(sources.length).toBeGreaterThan(1)
  expect(complaints).toBe('')
})

/** The request that a page documents for a program: in its section, or else the first of the page. */
function documentedRequest(source: Source): Curl {
  const requests = blocksOf(textOf(source.page)).flatMap((block) => {
    const curl = curlOf(block.code)
    return curl?.method === 'POST' ? [{ curl, section: block.section }] : []
  })
  const found = requests.find(({ section }) => section === source.section) ?? requests[0]
  return found?.curl ?? expect.fail(`${source.page} has no curl for ${source.file}`)
}

/** Starts a program with its ports in the place of those on the page. */
function start(source: Source, ports: Record<string, number>, packages: Record<string, string>): Running {
  const original = join(compiled(), source.file.replace(/\.ts$/, '.js'))
  // A folder of its own, since the programs keep their jobs in files.
  const own = mkdtempSync(join(dirname(original), 'run-'))
  for (const name of readdirSync(dirname(original))) {
    if (!/\.[cm]?js$/.test(name)) continue
    let code = readFileSync(join(dirname(original), name), 'utf8')
    for (const [port, real] of Object.entries(ports)) code = withPort(code, port, real)
    for (const [name, real] of Object.entries(packages)) code = code.replaceAll(`from '${name}'`, `from '${real}'`)
    writeFileSync(join(own, name), code)
  }
  const program = original.slice(dirname(original).length + 1)
  const child = spawn(process.execPath, [program], { cwd: own, stdio: 'pipe' })
  const running: Running = { child, output: '' }
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      running.output += chunk
    })
  return running
}

interface Running {
  readonly child: ChildProcess
  output: string
}

const withPort = (text: string, port: string, real: number) =>
  text.replace(new RegExp(`\\b${port}\\b`, 'g'), String(real))

async function stop({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

const within = 20_000
const pause = () => new Promise((resolve) => setTimeout(resolve, 50))

/** Sends the documented request, again until the server listens, and polls the job to its end. */
async function completes(curl: Curl, ports: Record<string, number>, program: Running): Promise<void> {
  const deadline = Date.now() + within
  const real = (text: string) => Object.entries(ports).reduce((all, [port, to]) => withPort(all, port, to), text)
  const url = real(curl.url)
  const init = { method: curl.method, headers: curl.headers, body: curl.body === undefined ? null : real(curl.body) }
  const late = (what: string) => {
    if (Date.now() > deadline || program.child.exitCode !== null) expect.fail(`${what}\n${program.output}`)
    return pause()
  }
  let created: Response | null = null
  while (created === null || created.status === 502) {
    created = await fetch(url, init).catch(() => null)
    if (created === null || created.status === 502) await late(`Nothing listens at ${url}.`)
  }
  if (created.status !== 202) expect.fail(`${created.status} ${await created.text()}\n${program.output}`)
  const { authorization = '' } = Object.fromEntries(new Headers(curl.headers))
  const location = new URL(created.headers.get('location') ?? '', url)
  for (;;) {
    const job = (await (await fetch(location, { headers: { authorization } })).json()) as { status: string }
    if (job.status === 'completed') return
    if (job.status !== 'pending' && job.status !== 'running') expect.fail(`${JSON.stringify(job)}\n${program.output}`)
    await late('The job does not complete.')
  }
}

/** Express 4 is installed here under another name. */
const variants: Record<string, Record<string, string>> = { express5: {}, express4: { express: 'express4' } }

test.each(sources.filter(({ flags }) => flags.includes('exits')))(
  '$page: $file runs to its end, and prints what its comments say',
  (source) => {
    const program = join(compiled(), source.file.replace(/\.ts$/, '.js'))
    const printed = [...source.code.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map(([, line]) => `${line}\n`)
    expect(run(process.execPath, [program], dirname(program))).toEqual({ said: printed.join(''), code: 0 })
  },
)

const programs = sources
  .filter(({ flags }) => flags.includes('run') && !flags.includes('exits'))
  .flatMap((source) =>
    (flag(source, 'on')?.split(',') ?? ['']).map((variant) => ({
      name: `${source.page}: ${source.file}${variant && ` on ${variant}`}`,
      source,
      packages: variants[variant] ?? {},
    })),
  )

describe.concurrent('complete programs run a job to its end', () => {
  test.each(programs)('$name', { timeout: 30_000 }, async ({ source, packages }) => {
    expect(complaints).toBe('')
    const ports: Record<string, number> = { 3000: await freePort(), 4000: await freePort() }
    const near = blocksOf(textOf(source.page)).filter(({ section }) => section === source.section)
    const locations = near.find(({ language }) => language === 'nginx')?.code
    const nginx = locations === undefined ? null : await startNginx(withPort(locations, '3000', ports[3000] ?? 0))
    if (nginx !== null) ports[8080] = Number(new URL(nginx.origin).port)
    const together = flag(source, 'with')
    const other = together && sources.find((one) => one.page === source.page && flag(one, 'file') === together)
    const receiver = other ? start(other, ports, packages) : null
    const program = start(source, ports, packages)
    try {
      await completes(documentedRequest(source), ports, program)
      const deadline = Date.now() + within
      while (receiver !== null && !receiver.output.includes('job.completed')) {
        if (Date.now() > deadline) expect.fail(`The webhook was not received.\n${receiver.output}\n${program.output}`)
        await pause()
      }
    } finally {
      await Promise.all([stop(program), receiver && stop(receiver), nginx?.stop()])
    }
  })

  test('docs/mounting.md: the route handlers for Next.js', { timeout: 30_000 }, () => {
    expect(complaints).toBe('')
    const own = mkdtempSync(join(compiled(), 'next-'))
    const route = sources.find(({ file }) => file.endsWith('/route.ts')) ?? expect.fail('no route.ts')
    const inOut = (file: string) => pathToFileURL(join(compiled(), file.replace(/\.ts$/, '.js'))).href
    const curl = documentedRequest(route)
    // As Next.js does: the instrumentation once, then a function for each request.
    writeFileSync(
      join(own, 'server.mjs'),
      `const { register } = await import(${JSON.stringify(inOut('mounting/instrumentation.ts'))})
      const { GET, POST } = await import(${JSON.stringify(inOut(route.file))})
      await register()
      const { url, headers, body } = ${JSON.stringify(curl)}
      const created = await POST(new Request(url, { method: 'POST', headers, body }))
      const location = new URL(created.headers.get('location'), url)
      const ended = await GET(new Request(location, { headers: { ...headers, prefer: 'wait=20' } }))
      console.log(created.status, (await ended.json()).status)
      process.exit()`,
    )
    const env = { ...process.env, NEXT_RUNTIME: 'nodejs' }
    const { stdout, stderr } = spawnSync(process.execPath, ['server.mjs'], { cwd: own, env, encoding: 'utf8' })
    expect(stdout.trim().split('\n').at(-1), stderr).toBe('202 completed')
  })
})

test('the README has at most 150 lines, and its quickstart at most 25', () => {
  const text = textOf('README.md')
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(150)
  const [quickstart] = blocksOf(text).filter(({ language }) => language === 'ts')
  expect(quickstart?.flags).toContain('run')
  const lines = quickstart?.code.trimEnd().split('\n') ?? []
  expect(lines.length).toBeLessThanOrEqual(25)
  expect(lines.at(-1)).toBe('await jobs.work()')
})

test('every page of docs/ is linked from the README', () => {
  const linked = new Set(linksOf(textOf('README.md')).map(({ path }) => path))
  expect(documents.filter((name) => name.startsWith('docs/') && !linked.has(name))).toEqual([])
})

test('docs/http-reference.md has a section for each error code', () => {
  const anchors = anchorsOf(textOf('docs/http-reference.md'))
  expect(Object.keys(errorTitles).filter((code) => !anchors.has(code))).toEqual([])
})

test.each(documents)('%s: every link, anchor, path and npm script that it names is there', (name) => {
  const text = textOf(name)
  const broken = linksOf(text).filter(({ path, anchor }) => {
    const target = path === '' ? name : join(dirname(name), path)
    if (!existsSync(join(root, target))) return true
    return anchor !== '' && target.endsWith('.md') && !anchorsOf(textOf(target)).has(anchor)
  })
  expect(broken).toEqual([])
  // `packages/uketsuke/src/domain/rules.ts` and the like, in back ticks.
  const files = [...text.matchAll(/`((?:packages|test|tools|examples|bench|docs)\/[\w./-]+\.\w+)`/g)].map(
    ([, path = '']) => path,
  )
  expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([])
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  const named = [...text.matchAll(/npm run ([a-z]+)/g)].map(([, script = '']) => script)
  expect(named.filter((script) => !(script in scripts))).toEqual([])
})
