import { z } from 'zod'

/** What the data set covers, without a gap. */
export const covered = { first: '2012-01-01', last: '2015-12-31' } as const

export interface Range {
  readonly startDate: string
  readonly endDate: string
}

const date = z.iso.date({ error: 'must be a date that exists, written YYYY-MM-DD' })

/** What a report can be asked for. What fails here is refused with 422 before there is a job. */
export const reportInput = z
  .strictObject({
    startDate: date.refine((day) => day >= covered.first, { error: `there is no data before ${covered.first}` }),
    endDate: date.refine((day) => day <= covered.last, { error: `there is no data after ${covered.last}` }),
    /** Milliseconds to rest before each page, so that there is something to watch. */
    pace: z.int().min(0).max(5000).optional(),
  })
  .refine(({ startDate, endDate }) => startDate <= endDate, {
    path: ['endDate'],
    error: 'must not be before startDate',
  })
  .refine(({ startDate }) => startDate <= covered.last, {
    path: ['startDate'],
    error: `there is no data after ${covered.last}`,
  })
  .refine(({ endDate }) => endDate >= covered.first, {
    path: ['endDate'],
    error: `there is no data before ${covered.first}`,
  })
