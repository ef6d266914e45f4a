/** `npm run bench`: every measure with every system in turn, round after round, then the table. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machine, versions } from './machine.ts'
import { measure, measures } from './measures/index.ts'
import type { Measure } from './measures/port.ts'
import { node } from './node.ts'
import { hottest } from './profile.ts'
import { markdown, type Row, type Table } from './report.ts'
import { Runner } from './runner.ts'
import { workFolder } from './servers.ts'
import { asked } from './settings.ts'
import { chosen } from './systems/chosen.ts'

const home = fileURLToPath(new URL('..', import.meta.url))

async function main(): Promise<boolean> {
  const options = asked(process.argv.slice(2))
  const { settings } = options
  const run =
    options.only.length > 0 ? options.only.map(measure) : measures.filter(({ short }) => short || !settings.short)
  const runtime = node(options.node)
  const { systems, left } = chosen(options, runtime)
  if (options.list) {
    for (const { name, title } of measures) console.log(`${name.padEnd(16)} ${title}`)
    console.log(`\nsystems: ${systems.map(({ name }) => name).join(', ')}\n${left.join('\n')}`)
    return true
  }

  const folder = workFolder(options.folder ?? tmpdir())
  const runner = new Runner(folder, runtime.path)
  const stop = () => void runner.stop().finally(() => process.exit(130))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const profiles = options.profile ? profileFolder() : null
  const facts = [...machine(folder), `Node ${runtime.version} for every process`, ...left]
  const tables: Table[] = []
  try {
    await runner.start(new Set(systems.flatMap(({ needs }) => needs)))
    facts.push([...runner.versions, ...versions(systems)].join(', '))
    console.log(`${facts.join('\n')}\n`)
    for (const one of run) {
      const table = await perform(one)
      tables.push(table)
      console.log(`\n${markdown(table)}`)
      if (options.out !== null) writeFileSync(resolve(home, options.out), report(facts, tables))
    }
  } finally {
    await runner.stop()
  }
  if (profiles !== null) console.log(hottest(profiles))
  return tables.every(({ rows }) => rows.every(({ failures }) => failures.length === 0))

  /** Interleaved: all entries once, then all again, so that what the machine does meanwhile meets each of them. */
  async function perform(one: Measure): Promise<Table> {
    const rows = one.entries(systems).map((entry): Row => ({ entry, samples: [], failures: [] }))
    const rounds = options.rounds(one.name) ?? one.rounds
    for (let round = 1; round <= rounds; round++) {
      // Each round begins with another one, so that none is always the first after the pause.
      for (const [i] of rows.entries()) {
        const row = rows[(i + round - 1) % rows.length] as Row
        const { name } = row.entry
        try {
          const sample = await runner.run(one, row.entry, settings, profiles)
          row.samples.push(sample)
          const figures = Object.entries(sample.figures).map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`)
          console.log(`${one.name} ${round}/${rounds} ${name}: ${figures.join(', ')}`)
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error)
          row.failures.push(why.split('\n')[0] ?? why)
          console.log(`${one.name} ${round}/${rounds} ${name}: FAILED: ${why}`)
        }
      }
    }
    return { measure: one, rows }
  }
}

function profileFolder(): string {
  const folder = join(home, 'profiles', new Date().toISOString().replaceAll(/[:.]/g, '-'))
  mkdirSync(folder, { recursive: true })
  return folder
}

function report(facts: readonly string[], tables: readonly Table[]): string {
  const given = process.argv.slice(2)
  const command = ['npm run bench', ...(given.length > 0 ? ['--'] : []), ...given].join(' ')
  const note =
    'Written by the command below; medians, with minimum and maximum in brackets. What the measures mean: [README.md](README.md).'
  const about = [`\`${command}\`, ${new Date().toISOString().slice(0, 10)}`, ...facts].map((one) => `- ${one}`)
  return `# Results\n\n${note}\n\n${about.join('\n')}\n\n${tables.map(markdown).join('\n')}`
}

process.exitCode = (await main()) ? 0 : 1
