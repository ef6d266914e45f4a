/**
 * Makes `instanceof` true for objects of another copy of this package. A bundler may load it twice in one process, and a program may pass
 * what one copy made to the other. Subclasses of `kind` are not affected.
 */
export function brand(kind: abstract new (...args: never[]) => object, name: string): void {
  const mark = Symbol.for(`uketsuke.${name}`)
  Object.defineProperty(kind.prototype, mark, { value: true })
  Object.defineProperty(kind, Symbol.hasInstance, {
    value(this: unknown, one: unknown) {
      if (this !== kind) return Function.prototype[Symbol.hasInstance].call(this, one)
      return typeof one === 'object' && one !== null && mark in one
    },
  })
}
