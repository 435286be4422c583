/**
 * Changes of parts on their way into a whole. Must hold: what no change names keeps its bytes and
 * its place.
 */

import { firstStep, type Part, type PartValues } from "./composite.ts"
import type { BuildFault } from "./fault.ts"
import { encoded } from "./field-writer.ts"
import { type FieldShape, textOf } from "./field.ts"

export type Change = string | Uint8Array | Map<string, string | Uint8Array | undefined>

/** Values by their first step; `undefined` values are left out, as everywhere. */
export function byHead(values: PartValues): Map<string, Change> {
  const changes = new Map<string, Change>()
  for (const [path, value] of values) {
    if (value === undefined) continue
    const [head, tail] = firstStep(path)
    const open = changes.get(head)
    if (tail === undefined) {
      if (!(open instanceof Map)) changes.set(head, value)
      continue
    }
    const inside = open instanceof Map ? open : new Map()
    changes.set(head, inside.set(tail, value))
  }
  return changes
}

/**
 * The part with a length of its own, prefix first: as it came, in `old`, or made anew.
 */
export function partBytes(
  id: string,
  shape: FieldShape,
  change: Change | undefined,
  old: Uint8Array,
  part: Part | undefined
): Uint8Array | BuildFault {
  if (change !== undefined) {
    const existing = shape.encoding === "bcd" ? part?.text : part?.raw
    return madeOf(id, changed(shape, change, existing))
  }
  return old.subarray(part!.offset - shape.prefixBytes, endOf(part!))
}

/** Where a part ends that stands on bytes of its own. */
export function endOf({ offset, raw }: Part): number {
  return offset + raw!.length
}

/** The part whose value fills its container, or what is wrong with it. */
export function filling(
  shape: FieldShape,
  change: Change,
  old: Uint8Array | undefined
): Uint8Array | string | BuildFault {
  const text = shape.encoding === "bcd" && old !== undefined
  return changed(shape, change, text ? textOf(shape, old, 0, old.length) : old)
}

function changed(
  shape: FieldShape,
  change: Change,
  existing: string | Uint8Array | undefined
): Uint8Array | string | BuildFault {
  if (!(change instanceof Map)) return encoded(shape, change)
  const made = shape.composite?.compose(existing, change)
  if (made === undefined) return "has no parts"
  return typeof made === "string" || made instanceof Uint8Array ? encoded(shape, made) : made
}

/** What was made of the part `id`, or its fault with the path of the part. */
export function madeOf(
  id: string,
  made: string | Uint8Array | BuildFault
): Uint8Array | BuildFault {
  if (made instanceof Uint8Array) return made
  if (typeof made === "string") return { path: id, problem: made }
  return { path: `${id}.${made.path}`, problem: made.problem }
}

/** A tag with its value: where it begins, where the value does, and where both end. */
export interface Segment {
  /** `9F06`, and `9F06#2` for the second of equal tags. */
  readonly id: string
  readonly tag: string
  readonly at: number
  readonly from: number
  readonly to: number
}

/** Numbers equal tags in their order. */
export class Numbering {
  readonly #seen = new Map<string, number>()

  idOf(tag: string): string {
    const count = (this.#seen.get(tag) ?? 0) + 1
    this.#seen.set(tag, count)
    return count === 1 ? tag : `${tag}#${count}`
  }
}

/** `9F06#2` → the tag, and how many of it come before; undefined where that is no number. */
export function numbered(id: string): readonly [tag: string, before: number] | undefined {
  const [tag = "", count] = id.split("#")
  const before = count === undefined ? 0 : Number(count) - 1
  return Number.isInteger(before) && before >= 0 ? [tag, before] : undefined
}

/** The whole with its changed segments made anew in their places, and new ones behind. */
export function spliced(
  existing: string | Uint8Array | undefined,
  segmentsOf: (old: Uint8Array) => ReadonlyArray<Segment>,
  values: PartValues,
  make: (id: string, change: Change, kept: Uint8Array | undefined) => Uint8Array | BuildFault
): Uint8Array | BuildFault {
  const old = typeof existing === "object" ? existing : new Uint8Array(0)
  const pieces: Array<Uint8Array> = []
  const open = byHead(values)
  let kept = 0
  for (const { at, from, id, to } of segmentsOf(old)) {
    const change = open.get(id)
    if (change === undefined) continue
    open.delete(id)
    const made = make(id, change, old.subarray(from, to))
    if (!(made instanceof Uint8Array)) return made
    pieces.push(old.subarray(kept, at), made)
    kept = to
  }
  pieces.push(old.subarray(kept))
  for (const [id, change] of open) {
    const made = make(id, change, undefined)
    if (!(made instanceof Uint8Array)) return made
    pieces.push(made)
  }
  return Buffer.concat(pieces)
}
