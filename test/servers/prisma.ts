import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'

/** The members of a Prisma client and its transactions that these tests use. */
interface PrismaTransaction {
  $queryRawUnsafe(sql: string, ...values: unknown[]): Promise<unknown>
  $executeRawUnsafe(sql: string): Promise<number>
}
interface Prisma {
  $transaction<T>(work: (tx: PrismaTransaction) => Promise<T>): Promise<T>
  $disconnect(): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A real Prisma client, generated beside `test/` because its TypeScript code imports Prisma's runtime. */
export async function generatePrisma(url: string): Promise<Prisma> {
  const folder = join(root, '.prisma-client')
  mkdirSync(folder, { recursive: true })
  const schema = join(folder, 'schema.prisma')
  writeFileSync(
    schema,
    `generator client {
  provider = "prisma-client"
  output   = "./generated"
}
datasource db {
  provider = "postgresql"
}
model Order {
  id String @id
  @@map("orders")
}
`,
  )
  // The generator requires the schema engine, which it would download, but never runs it.
  const dummy = join(folder, 'no-engine')
  writeFileSync(dummy, '#!/bin/sh\nexit 0\n')
  chmodSync(dummy, 0o755)
  const cli = join(root, 'node_modules', 'prisma', 'build', 'index.js')
  const env = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: dummy,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  }
  execFileSync(process.execPath, [cli, 'generate', '--schema', schema], { cwd: folder, env, stdio: 'pipe' })
  const file = join(folder, 'generated', 'client.ts')
  const { PrismaClient } = (await import(/* @vite-ignore */ file)) as {
    PrismaClient: new (options: { adapter: PrismaPg }) => Prisma
  }
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
}
