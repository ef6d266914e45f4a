import { describe, expect, it } from 'vitest'
import { brand } from './brand.ts'

/** As if each came from a copy of the module of its own. */
const copy = () => {
  class Kind {}
  brand(Kind, 'test')
  return Kind
}

describe('brand', () => {
  it('makes instanceof true for objects of another copy', () => {
    const [One, Other] = [copy(), copy()]
    expect(new One() instanceof Other).toBe(true)
    for (const value of [{}, null, undefined, 'x', () => {}]) expect((value as unknown) instanceof One).toBe(false)
  })

  it('leaves subclasses alone', () => {
    const One = copy()
    class Sub extends One {}
    expect([new Sub() instanceof One, new One() instanceof Sub, new Sub() instanceof Sub]).toEqual([true, false, true])
  })
})
