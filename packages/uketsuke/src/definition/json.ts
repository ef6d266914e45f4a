/**
 * The form in which a value arrives after a JSON round trip: a `Date` is a string, members that are undefined, functions or symbols are
 * absent, and class instances with `toJSON` are what it returns.
 */
export type JsonOf<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? T
      : T extends string | number | boolean | null
        ? T
        : T extends { toJSON(...args: never[]): infer R }
          ? JsonOf<R>
          : T extends Unserializable
            ? never
            : T extends readonly unknown[]
              ? { [K in keyof T]: JsonElement<T[K]> }
              : T extends object
                ? Flat<
                    { [K in Kept<T> as undefined extends T[K] ? never : K]: JsonOf<T[K]> } & {
                      [K in Kept<T> as undefined extends T[K] ? K : never]?: JsonOf<Exclude<T[K], undefined>>
                    }
                  >
                : never

/** The output of a job: what its handler returns, in its JSON form. Nothing becomes null. */
export type JsonOutput<T> =
  IsAny<T> extends true ? T : unknown extends T ? T : JsonOf<Exclude<T, undefined | void>> | Nothing<T>

/** What a handler must not return, because JSON would lose it. */
export type Lost = bigint | symbol | ((...args: never[]) => unknown) | Collection | Promise<unknown> | Binary

type Collection = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | WeakMap<object, unknown> | WeakSet<object>
type Binary = ArrayBuffer | ArrayBufferView
type Unserializable = Lost | undefined

/** The parts of a type that JSON would lose: never if there are none. Functions as members are left out, as in any JSON. */
export type LostIn<T> =
  IsAny<T> extends true
    ? never
    : unknown extends T
      ? never
      : T extends string | number | boolean | null | undefined | void
        ? never
        : T extends Lost
          ? T
          : T extends { toJSON(...args: never[]): unknown }
            ? never
            : T extends readonly (infer E)[]
              ? LostIn<E>
              : T extends object
                ? { [K in keyof T]-?: T[K] extends (...args: never[]) => unknown ? never : LostIn<T[K]> }[keyof T]
                : never

type IsAny<T> = 0 extends 1 & T ? true : false
type Nothing<T> = undefined extends T ? null : [void] extends [T] ? null : never
type JsonElement<T> = T extends undefined | symbol | ((...args: never[]) => unknown) ? null : JsonOf<T>
type Kept<T> = {
  [K in keyof T]-?: K extends string | number
    ? Exclude<T[K], undefined> extends symbol | ((...args: never[]) => unknown)
      ? never
      : K
    : never
}[keyof T]
type Flat<T> = { [K in keyof T]: T[K] }
