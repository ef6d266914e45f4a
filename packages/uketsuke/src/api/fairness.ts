import type { Weights } from '../accept/fair-ranks.ts'
import { assertConfiguration } from '../base/assert.ts'

const [least, most] = [0.001, 1_000]
const isWeight = (value: unknown) => typeof value === 'number' && value >= least && value <= most

/** @throws {UketsukeError} `invalid-configuration` */
export function weightsOf(weights: Weights | undefined): (owner: string) => number {
  if (weights === undefined) return () => 1
  if (typeof weights === 'function') {
    return (owner) => {
      const weight: unknown = weights(owner)
      if (isWeight(weight)) return weight as number
      throw new TypeError(`createJobs(): fairness.weights returned no number from ${least} to ${most}.`)
    }
  }
  assertConfiguration(
    typeof weights === 'object' && weights !== null && Object.values(weights).every(isWeight),
    `createJobs(): fairness.weights must be numbers from ${least} to ${most}, by owner, or a function that returns one`,
  )
  const known = new Map(Object.entries(weights))
  return (owner) => known.get(owner) ?? 1
}
