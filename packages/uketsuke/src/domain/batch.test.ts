import { expect, it } from 'vitest'
import { type BatchPart, batchOf } from './batch.ts'

const part = (given: Partial<BatchPart>): BatchPart => ({
  ...{ status: 'completed', count: 1, versions: 3, progress: 100, createdAt: 1_000, completedAt: 2_000, ...given },
})

it('adds up its jobs', () => {
  const batch = batchOf(
    'B',
    [
      part({ count: 2, versions: 6 }),
      part({ status: 'failed', completedAt: 3_000, progress: 10 }),
      part({ status: 'running', count: 2, versions: 4, progress: 90, completedAt: null, createdAt: 900 }),
      part({ status: 'pending', versions: 2, progress: 60, completedAt: null }),
    ],
    '/api/jobs',
  )
  expect(batch).toEqual({
    version: 15,
    view: {
      ...{ batchId: 'B', total: 6, pending: 1, running: 2, completed: 2, failed: 1, cancelled: 0, progress: 65 },
      ...{ createdAt: '1970-01-01T00:00:00.900Z', completedAt: null },
      ...{ statusUrl: '/api/jobs/batches/B', streamUrl: '/api/jobs/batches/B/stream' },
    },
  })
})

it('has ended when all jobs have, and only then is at 100', () => {
  const ended = [part({}), part({ status: 'cancelled', completedAt: 5_000 })]
  expect(batchOf('B', ended, '')?.view).toMatchObject({ progress: 100, completedAt: '1970-01-01T00:00:05.000Z' })
  const nearly = [part({ count: 999 }), part({ status: 'running', progress: 99, completedAt: null })]
  expect(batchOf('B', nearly, '')?.view).toMatchObject({ progress: 99, completedAt: null })
})

it('is nothing without jobs', () => expect(batchOf('B', [], '')).toBeNull())
