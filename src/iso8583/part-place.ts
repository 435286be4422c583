/**
 * Parts that stand on bytes of their own: how one is read once its layout has found its place. Must
 * hold: reading a part allocates nothing but its value.
 */

import type { Part, PartReader } from "./composite.ts"
import { type FieldShape, textOf } from "./field.ts"

/** Where the part last located ends; written by a {@link Locate}, and read before the next. */
export const place = { end: 0 }

/** The offset at which a part's value begins, or -1 where it is absent. */
type Locate = (bytes: Uint8Array, start: number, end: number) => number

/** `inner` reads a part of the part. */
export function partReader(
  shape: FieldShape,
  inner: PartReader | undefined,
  locate: Locate
): PartReader {
  return {
    shape: inner?.shape ?? shape,
    text: (bytes, start, end) => {
      const from = locate(bytes, start, end)
      if (from < 0) return undefined
      return inner === undefined
        ? textOf(shape, bytes, from, place.end)
        : inner.text(bytes, from, place.end)
    },
    raw: (bytes, start, end) => {
      const from = locate(bytes, start, end)
      if (from < 0) return undefined
      return inner === undefined
        ? bytes.subarray(from, place.end)
        : inner.raw(bytes, from, place.end)
    }
  }
}

export function partAt(
  id: string,
  { known, shape }: { readonly shape: FieldShape; readonly known: boolean },
  bytes: Uint8Array,
  from: number,
  to: number,
  parts: ReadonlyArray<Part> = shape.composite?.parts(bytes, from, to) ?? []
): Part {
  return {
    id,
    shape,
    text: textOf(shape, bytes, from, to),
    raw: bytes.subarray(from, to),
    offset: from,
    known,
    parts
  }
}
