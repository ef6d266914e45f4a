/** The kind of the records of statistics. */
export const statisticsKind = 'statistics'

/** How finely statistics are kept, and for how long. Milliseconds. */
export const periods = {
  minute: { length: 60_000, keep: 2 * 60 * 60_000 },
  hour: { length: 60 * 60_000, keep: 14 * 24 * 60 * 60_000 },
} as const

export type Period = keyof typeof periods

/** When the period that contains `time` began. */
export const startOf = (period: Period, time: number): number =>
  Math.floor(time / periods[period].length) * periods[period].length

/** The first part of the ids of a period's records, in the order of time. */
export const prefixOf = (period: Period, start: number): string => `${period}/${new Date(start).toISOString()}/`

/** When the period of a record began. */
export const startIn = (id: string): number => Date.parse(id.split('/')[1] ?? '')
