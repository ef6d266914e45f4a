import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The webhook signing secret. It is generated at the first start and kept, because a webhook may be delivered or redelivered long after
 * its job ended.
 */
export function webhookSecret(folder: string): string {
  const file = join(folder, 'webhook-secret')
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(file, `whsec_${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}
