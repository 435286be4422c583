/**
 * A value with parts. Each kind of layout (positions, tags, datasets, bitmaps, track data) is one
 * implementation of this interface; paths go on behind the dot: `60.2`, `55.9F02`, `48.1.3`.
 */

import type { BuildFault } from "./fault.ts"
import type { FieldShape } from "./field.ts"

/** How one part is read from the bytes of the whole; resolved once, when a path is. */
export interface PartReader {
  readonly shape: FieldShape
  readonly text: (bytes: Uint8Array, start: number, end: number) => string | undefined
  /** The part's bytes; undefined where it does not begin and end on a byte. */
  readonly raw: (bytes: Uint8Array, start: number, end: number) => Uint8Array | undefined
}

/** A part that is present, for people and for taking a message apart. */
export interface Part {
  /** What follows the field's path: `2`, `9F02`, `9F06#2` for the second of equal tags. */
  readonly id: string
  readonly shape: FieldShape
  readonly text: string
  readonly raw: Uint8Array | undefined
  /** Offset of the value within `bytes`; -1 where it does not begin on a byte. */
  readonly offset: number
  readonly known: boolean
  readonly parts: ReadonlyArray<Part>
}

export interface StructureFault {
  readonly id: string
  readonly offset: number
  readonly expected: string
}

/** Changes of parts, by what follows the field's path. */
export type PartValues = ReadonlyMap<string, string | Uint8Array | undefined>

export interface Composite {
  /** Some part of it is masked: a value that does not follow the layout may hold it anywhere. */
  readonly guards: boolean
  /** Offset of the first byte that breaks the layout, or -1. Allocates nothing. */
  readonly check: (bytes: Uint8Array, start: number, end: number) => number
  /** Why `check` gave an offset. */
  readonly explain: (bytes: Uint8Array, start: number, end: number) => StructureFault | undefined
  /** Undefined: the layout has no such part. */
  readonly part: (id: string) => PartReader | undefined
  readonly parts: (bytes: Uint8Array, start: number, end: number) => ReadonlyArray<Part>
  /**
   * The whole with these parts; what stands in `existing` and is not named stays byte for byte.
   * Text where the whole is packed digits, `existing` too; bytes otherwise.
   */
  readonly compose: (
    existing: string | Uint8Array | undefined,
    values: PartValues
  ) => string | Uint8Array | BuildFault
  /**
   * What can be read of a value in which the block of so many bytes that ends one byte before the
   * last is enciphered; absent: all of it.
   */
  readonly behind?: (block: number) => Composite
}

/** `9F06#2.1` → `9F06#2` and `1`. */
export function firstStep(id: string): readonly [string, string | undefined] {
  const dot = id.indexOf(".")
  return dot < 0 ? [id, undefined] : [id.slice(0, dot), id.slice(dot + 1)]
}
