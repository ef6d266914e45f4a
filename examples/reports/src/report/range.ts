import { z } from 'zod'

/** The dates that the data set covers, without gaps. */
export const covered = { first: '2012-01-01', last: '2015-12-31' } as const

export interface Range {
  readonly startDate: string
  readonly endDate: string
}

const date = z.iso.date({ error: 'must be a valid date in the format YYYY-MM-DD' })

/** The input of a report. An invalid input gets a 422, and no job is created. */
export const reportInput = z
  .strictObject({
    startDate: date.refine((day) => day >= covered.first, { error: `must not be before ${covered.first}` }),
    endDate: date.refine((day) => day <= covered.last, { error: `must not be after ${covered.last}` }),
    /** The pause before each page in milliseconds, to slow the job down for the demo. */
    pace: z.int().min(0).max(5000).optional(),
  })
  .refine(({ startDate, endDate }) => startDate <= endDate, {
    path: ['endDate'],
    error: 'must not be before startDate',
  })
  .refine(({ startDate }) => startDate <= covered.last, {
    path: ['startDate'],
    error: `must not be after ${covered.last}`,
  })
  .refine(({ endDate }) => endDate >= covered.first, {
    path: ['endDate'],
    error: `must not be before ${covered.first}`,
  })
