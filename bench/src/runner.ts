import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Task } from './child.ts'
import type { Child, Entry, Measure, RunContext, RunResult } from './measures/port.ts'
import { type Server, startPostgres, startRedis } from './servers.ts'
import type { Settings } from './settings.ts'
import { spawnChild } from './spawn.ts'
import { query } from './systems/pg-query.ts'
import type { Resources } from './systems/port.ts'

/** Starts the servers and runs the measures on them, each run with its own resources and processes. */
export class Runner {
  readonly #folder: string
  readonly #node: string
  #postgres: Server | null = null
  #redis: Server | null = null
  #redisAlways: Server | null = null
  #count = 0

  constructor(folder: string, node: string) {
    this.#folder = folder
    this.#node = node
  }

  async start(needs: ReadonlySet<string>): Promise<void> {
    if (needs.has('postgres')) this.#postgres = await startPostgres(this.#folder)
    if (!needs.has('redis')) return
    this.#redis = await startRedis(this.#folder, 'everysec')
    this.#redisAlways = await startRedis(this.#folder, 'always')
  }

  get versions(): string[] {
    return [this.#postgres, this.#redis].filter((server) => server !== null).map(({ version }) => version)
  }

  /** One run of one entry. Kills its processes and removes its resources afterwards. */
  async run(measure: Measure, entry: Entry, settings: Settings, profiles: string | null): Promise<RunResult> {
    const children: Child[] = []
    const used: Resources[] = []
    const newResources = async () => {
      const resources = await this.#create(entry)
      used.push(resources)
      return resources
    }
    const resources = await newResources()
    const context: RunContext = {
      settings,
      entry,
      resources,
      newResources,
      serverCpu: () => this.#serversOf(entry).reduce((sum, server) => sum + server.cpu(), 0),
      spawn: (role, input = null, childResources = resources) => {
        const { name, variant, system } = entry
        const task = {
          measure: measure.name,
          role,
          system: system?.name ?? null,
          entry: { name, variant },
          settings,
          resources: childResources,
          input,
        }
        const flags = profiles === null ? [] : profilerFlags(profiles, task)
        const child = spawnChild(this.#node, flags, task, settings.patience)
        children.push(child)
        return child
      },
    }
    try {
      return await measure.run(context)
    } finally {
      await Promise.all(children.map((child) => child.kill()))
      for (const one of used) await this.#remove(one)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #servers(): Server[] {
    return [this.#postgres, this.#redis, this.#redisAlways].filter((server) => server !== null)
  }

  #serversOf({ system }: Entry): Server[] {
    const used = { postgres: [this.#postgres], redis: [this.#redis, this.#redisAlways] }
    return (system?.needs ?? []).flatMap((need) => used[need]).filter((server) => server !== null)
  }

  async #create({ system }: Entry): Promise<Resources> {
    const name = `run${++this.#count}`
    const folder = join(this.#folder, name)
    mkdirSync(folder)
    const url = this.#postgres?.url ?? ''
    if (system?.needs.includes('postgres')) {
      await query(url, `CREATE DATABASE ${name}`)
      // So that no run pays for the dirty buffers of the previous one.
      await query(url, 'CHECKPOINT')
    }
    if (system?.needs.includes('redis')) for (const server of [this.#redis, this.#redisAlways]) await flush(server)
    const [redis, redisAlways] = [this.#redis?.url ?? '', this.#redisAlways?.url ?? '']
    return { folder, postgres: url.replace(/postgres$/, name), redis, redisAlways }
  }

  async #remove({ folder, postgres }: Resources): Promise<void> {
    rmSync(folder, { recursive: true, force: true })
    if (this.#postgres === null) return
    await query(this.#postgres.url, `DROP DATABASE IF EXISTS ${postgres.split('/').at(-1)} WITH (FORCE)`)
  }
}

/** One profile for each child, named after its role. */
function profilerFlags(folder: string, { measure, entry, role }: Task): string[] {
  const name = `${measure}-${entry.name}-${role}-${Date.now()}.cpuprofile`
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}`]
}

async function flush(server: Server | null): Promise<void> {
  if (server === null) return
  const client = new Redis(server.url)
  await client.flushall()
  await client.quit()
}
