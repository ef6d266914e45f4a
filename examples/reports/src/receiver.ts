import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import express, { type RequestHandler, Router } from 'express'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import type { JobEvent } from 'uketsuke'
import { refuse } from './problems.ts'

/** The receiver's record of a webhook. */
export interface Receipt {
  readonly webhookId: string
  readonly signature: 'valid'
  readonly type: string
  readonly version: number
  readonly receivedAt: string
  /** The number of deliveries: webhooks are delivered at least once. */
  readonly times: number
}

/**
 * Stands for a third-party webhook receiver: it shares only the secret with the server, and verifies signatures with the `standardwebhooks`
 * library. Stores one receipt per job.
 */
export function receiver(secret: string, folder: string) {
  const webhook = new Webhook(secret)
  const fileOf = (jobId: string) => join(folder, `${jobId}.json`)

  async function read(jobId: string): Promise<Receipt | null> {
    try {
      return JSON.parse(await readFile(fileOf(jobId), 'utf8')) as Receipt
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  const receive: RequestHandler = async (req, res) => {
    let event: JobEvent
    try {
      // The signature covers the raw bytes, so the body must not be parsed before.
      event = webhook.verify(req.body, req.headers as Record<string, string>) as JobEvent
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error
      return refuse(res, 401, 'invalid-signature', error.message)
    }
    const { jobId, version } = event.data
    const before = await read(jobId)
    const receipt: Receipt = {
      webhookId: req.get('webhook-id') ?? '',
      signature: 'valid',
      type: event.type,
      version,
      receivedAt: new Date().toISOString(),
      times: (before?.times ?? 0) + 1,
    }
    await mkdir(folder, { recursive: true })
    await writeFile(`${fileOf(jobId)}.part`, JSON.stringify(receipt))
    await rename(`${fileOf(jobId)}.part`, fileOf(jobId))
    res.sendStatus(204)
  }

  const router = Router()
  router.post('/', express.raw({ type: () => true, limit: '1mb' }), receive)
  return { router, read }
}
