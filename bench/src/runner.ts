import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { actor } from './actor.ts'
import type { Task } from './child.ts'
import type { Actor, Entry, Measure, Sample, Stage } from './measures/port.ts'
import { type Server, startPostgres, startRedis } from './servers.ts'
import type { Settings } from './settings.ts'
import { ask } from './systems/pg-facts.ts'
import type { Place } from './systems/port.ts'

/** The servers of one bench, and the runs on them: each at a place of its own, with processes of its own. */
export class Runner {
  readonly #folder: string
  readonly #node: string
  #postgres: Server | null = null
  #redis: Server | null = null
  #redisAlways: Server | null = null
  #places = 0

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

  /** One run of one entry. Whatever it leaves behind is ended and removed. */
  async run(measure: Measure, entry: Entry, settings: Settings, profiles: string | null): Promise<Sample> {
    const actors: Actor[] = []
    const used: Place[] = []
    const fresh = async () => {
      const place = await this.#place(entry)
      used.push(place)
      return place
    }
    const place = await fresh()
    const stage: Stage = {
      settings,
      entry,
      place,
      fresh,
      serverCpu: () => this.#serversOf(entry).reduce((sum, server) => sum + server.cpu(), 0),
      play: (role, given = null, at = place) => {
        const { name, variant, system } = entry
        const task = {
          measure: measure.name,
          role,
          system: system?.name ?? null,
          entry: { name, variant, size: system?.size ?? 1 },
          settings,
          place: at,
          given,
        }
        const started = actor(this.#node, profiles === null ? [] : profiling(profiles, task), task, settings.patience)
        actors.push(started)
        return started
      },
    }
    try {
      return await measure.run(stage)
    } finally {
      await Promise.all(actors.map((one) => one.kill()))
      for (const one of used) await this.#clear(one)
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

  async #place({ system }: Entry): Promise<Place> {
    const name = `run${++this.#places}`
    const folder = join(this.#folder, name)
    mkdirSync(folder)
    const url = this.#postgres?.url ?? ''
    if (system?.needs.includes('postgres')) {
      await ask(url, `CREATE DATABASE ${name}`)
      // No run pays for what the one before has left in the buffers.
      await ask(url, 'CHECKPOINT')
    }
    if (system?.needs.includes('redis')) for (const server of [this.#redis, this.#redisAlways]) await flush(server)
    const [redis, redisAlways] = [this.#redis?.url ?? '', this.#redisAlways?.url ?? '']
    return { folder, postgres: url.replace(/postgres$/, name), redis, redisAlways }
  }

  async #clear({ folder, postgres }: Place): Promise<void> {
    rmSync(folder, { recursive: true, force: true })
    if (this.#postgres === null) return
    await ask(this.#postgres.url, `DROP DATABASE IF EXISTS ${postgres.split('/').at(-1)} WITH (FORCE)`)
  }
}

/** One file for each child, by what it played. */
function profiling(folder: string, { measure, entry, role }: Task): string[] {
  const name = `${measure}-${entry.name}-${role}-${Date.now()}.cpuprofile`
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}`]
}

async function flush(server: Server | null): Promise<void> {
  if (server === null) return
  const client = new Redis(server.url)
  await client.flushall()
  await client.quit()
}
