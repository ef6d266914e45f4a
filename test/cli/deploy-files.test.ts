/** The files in `deploy/`: their commands start, and their probes get answers. Containers themselves are not run here. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { Cli, endAll, fresh, jobsFile } from './run.ts'

afterEach(endAll)

const textOf = (name: string) => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8')
const dockerfile = textOf('Dockerfile')
const compose = parse(textOf('compose.yaml'), { merge: true })
const manifests = parseAllDocuments(textOf('kubernetes.yaml')).map((one) => one.toJS())
const deployments = manifests.filter(({ kind }) => kind === 'Deployment')
const container = (name: string) =>
  deployments.find(({ metadata }) => metadata.name === name).spec.template.spec.containers[0]
const unit = textOf('uketsuke.service')

const commands: Record<string, string[]> = {
  Dockerfile: JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]'),
  'compose.yaml, api': compose.services.api.command,
  'compose.yaml, worker': compose.services.worker.command,
  'kubernetes.yaml, api': container('api').args,
  'kubernetes.yaml, worker': container('worker').args,
  'uketsuke.service': (/^ExecStart=\S+ \S+ (.*)$/m.exec(unit)?.[1] ?? '').split(' '),
}

describe.each(Object.entries(commands))('the command of %s', (_, command) => {
  test('starts, answers its probes, and exits with 0 on SIGTERM', async () => {
    const args = command.map((arg, i) => {
      if (command[i - 1] === '--jobs') return jobsFile
      if (command[i - 1] === '--store') return fresh()
      return arg === '0.0.0.0' ? '127.0.0.1' : arg === '9464' ? '0' : arg
    })
    const own = args.includes('--store') ? [] : ['--store', fresh()]
    const port = args.includes('worker') ? [] : ['--port', '0']
    const cli = new Cli([...args, ...own, ...port])
    const [, url] = await cli.says(/^management +(\S+)\/livez/m)
    for (const path of ['/livez', '/readyz', '/metrics']) expect((await fetch(`${url}${path}`)).status).toBe(200)
    cli.child.kill('SIGTERM')
    expect(await cli.ended, cli.err).toBe(0)
  })
})

test('the probes of Kubernetes and of the image use these paths', () => {
  for (const name of ['api', 'worker']) {
    const { livenessProbe, readinessProbe, ports } = container(name)
    expect([livenessProbe.httpGet, readinessProbe.httpGet]).toEqual([
      { path: '/livez', port: 'management' },
      { path: '/readyz', port: 'management' },
    ])
    expect(ports).toContainEqual({ name: 'management', containerPort: 9464 })
  }
  expect(dockerfile).toContain("fetch('http://127.0.0.1:9464/livez')")
  const service = manifests.find(({ kind }) => kind === 'Service')
  expect(service.spec.selector).toEqual(deployments[0].spec.selector.matchLabels)
})

test('nothing runs as root, and every supervisor waits longer than the drain of 25 seconds', () => {
  expect(dockerfile).toMatch(/^USER node$/m)
  expect(unit).toMatch(/^DynamicUser=yes$/m)
  for (const { spec } of deployments) expect(spec.template.spec.securityContext.runAsNonRoot).toBe(true)
  const waits = [
    Number.parseInt(compose.services.api.stop_grace_period, 10),
    Number.parseInt(compose.services.worker.stop_grace_period, 10),
    Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]),
    ...deployments.map(({ spec }) => spec.template.spec.terminationGracePeriodSeconds),
  ]
  for (const wait of waits) expect(wait).toBeGreaterThan(25 + 5)
})
