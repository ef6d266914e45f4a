import { describe, expect, it } from 'vitest'
import { Demand } from './demand.ts'

/** A worker with nothing to do, whose first claim found nothing. */
function idle(): Demand {
  const demand = new Demand()
  demand.claim(10)
  demand.claimed(0, 10)
  return demand
}

describe('the limit of a claim', () => {
  it('is all the room at first, and nothing after that', () => {
    const demand = new Demand()
    expect(demand.claim(10)).toEqual({ limit: 10, hints: 0 })
    expect(demand.claim(10)).toEqual({ limit: 0, hints: 0 })
  })

  it('is the number of announced jobs, each once, as far as there is room', () => {
    const demand = idle()
    demand.hint(2)
    demand.hint(1)
    expect(demand.claim(10)).toEqual({ limit: 3, hints: 3 })
    expect(demand.claim(10).limit).toBe(0)
    demand.hint(5)
    expect(demand.claim(4)).toEqual({ limit: 4, hints: 5 })
  })

  it('is all the room after a hint without a number, also beside one with a number', () => {
    const demand = idle()
    demand.hint(2)
    demand.hint()
    expect(demand.claim(10)).toEqual({ limit: 10, hints: 2 })
  })

  it('is owed until there is room', () => {
    const demand = idle()
    demand.hint()
    expect(demand.claim(0).limit).toBe(0)
    expect(demand.claim(3).limit).toBe(3)
  })
})

describe('a job that ends', () => {
  it('leads to a poll where the last claim filled all the room', () => {
    const demand = idle()
    demand.hint(4)
    const { limit } = demand.claim(4)
    demand.claimed(limit, 4)
    expect(demand.roomMade()).toBe(true)
    expect(demand.claim(1).limit).toBe(1)
  })

  it('does not where the last claim found less', () => {
    const demand = idle()
    demand.hint(4)
    demand.claim(4)
    demand.claimed(3, 4)
    expect(demand.roomMade()).toBe(false)
    expect(demand.claim(2).limit).toBe(0)
  })
})
