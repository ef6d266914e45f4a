import type { Job, Priority, Queue } from '../domain/job.ts'
import type { Client } from '../redis/client.ts'

/**
 * The data in Redis: one stream for each queue and priority, read by one consumer group, so that an entry wakes one worker. An entry is a
 * hint that a job is pending. It is deleted after a worker's claim, so the streams are as long as the backlog.
 */
export interface StreamEntry {
  readonly key: string
  readonly id: string
  readonly job: string
  readonly type: string
}

const group = 'workers'
const priorities: readonly Priority[] = ['high', 'normal']

export const keyOf = (prefix: string, queue: Queue, priority: Priority) => `${prefix}:${queue}:${priority}`
/** `high` first: if both streams have entries, Redis returns it first. */
export const keysOf = (prefix: string, queue: Queue) => priorities.map((priority) => keyOf(prefix, queue, priority))

export const addEntry = (client: Client, prefix: string, { id, type, queue, priority }: Job) =>
  client.xAdd(keyOf(prefix, queue, priority), '*', { id, type })

/**
 * Creates missing streams and groups; true if one was missing. Groups start at the beginning of the stream, so that earlier entries are
 * not skipped. This is a write, so it also fails if Redis refuses writes.
 */
export async function ensureGroups(client: Client, keys: readonly string[]): Promise<boolean> {
  const made = await Promise.all(
    keys.map((key) =>
      client.xGroupCreate(key, group, '0', { MKSTREAM: true }).then(
        () => true,
        (error: Error) => {
          if (error.message.startsWith('BUSYGROUP')) return false
          throw error
        },
      ),
    ),
  )
  return made.includes(true)
}

/** Reads up to `count` new entries of each stream, and waits up to `block` milliseconds for one. */
export async function read(client: Client, keys: readonly string[], consumer: string, count: number, block: number) {
  const streams = keys.map((key) => ({ key, id: '>' }))
  return entries(await client.xReadGroup(group, consumer, streams, { COUNT: count, BLOCK: block }))
}

/** The entries that this consumer has read and not acknowledged. */
export async function ownPending(client: Client, keys: readonly string[], consumer: string): Promise<StreamEntry[]> {
  const streams = keys.map((key) => ({ key, id: '0' }))
  return entries(await client.xReadGroup(group, consumer, streams, { COUNT: 1_000 }))
}

/** Takes over entries that another consumer read `idle` milliseconds ago and did not acknowledge. */
export async function claimAbandoned(
  client: Client,
  keys: readonly string[],
  consumer: string,
  idle: number,
  count: number,
) {
  const claims = keys.map(async (key) => {
    const { messages } = await client.xAutoClaim(key, group, consumer, idle, '0-0', { COUNT: count })
    return messages.flatMap((message) => (message === null ? [] : [entry(key, message)]))
  })
  return (await Promise.all(claims)).flat()
}

/** Acknowledges and deletes entries in one transaction, which adds those in `handOn` again for other workers. */
export async function acknowledge(
  client: Client,
  done: readonly StreamEntry[],
  handOn: readonly StreamEntry[],
): Promise<void> {
  const all = client.multi()
  for (const { key, job, type } of handOn) all.xAdd(key, '*', { id: job, type })
  for (const key of new Set(done.map((one) => one.key))) {
    const ids = done.filter((one) => one.key === key).map(({ id }) => id)
    all.xAck(key, group, ids).xDel(key, ids)
  }
  await all.exec()
}

/** Deletes consumers without entries that were idle for `idle` milliseconds. Redis creates a live one again when it reads. */
export async function dismissIdle(client: Client, key: string, idle: number): Promise<void> {
  const consumers = await client.xInfoConsumers(key, group).catch((error: Error) => {
    // This clean-up is optional, so the user needs no right to it.
    if (error.message.startsWith('NOPERM')) return []
    throw error
  })
  for (const one of consumers) {
    if (one.pending === 0 && one.idle > idle) await deleteConsumer(client, key, one.name)
  }
}

export async function deleteConsumer(client: Client, key: string, consumer: string): Promise<void> {
  // It read an entry in between, which no consumer would acknowledge: the group starts again, and some entries are read twice.
  if ((await client.xGroupDelConsumer(key, group, consumer)) > 0) await client.xGroupSetId(key, group, '0')
}

interface Message {
  id: string
  message: Record<string, string>
}

const entry = (key: string, { id, message }: Message): StreamEntry => ({
  key,
  id,
  job: message.id ?? '',
  type: message.type ?? '',
})

function entries(reply: unknown): StreamEntry[] {
  const streams = (reply ?? []) as { name: string; messages: Message[] }[]
  return streams.flatMap(({ name, messages }) => messages.map((message) => entry(name, message)))
}
