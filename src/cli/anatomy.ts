/**
 * A message taken apart for people: every field and part with its place, its name and its masked
 * value. Pure. What must hold: no value leaves here that its mask hides.
 */

import type { Part } from "../iso8583/composite.ts"
import type { CompiledDialect } from "../iso8583/dialect.ts"
import type { FieldShape } from "../iso8583/field.ts"
import { shapeIn } from "../iso8583/layout.ts"
import { masked } from "../iso8583/mask.ts"
import type { Message } from "../iso8583/message.ts"

export interface Piece {
  /** `2`, `60.1`, `55.9F02`. */
  readonly path: string
  readonly name: string
  readonly depth: number
  /** Of the value, from the first byte of the MTI; -1 inside a byte. */
  readonly offset: number
  /** Bytes of the value; 0 where it does not begin and end on a byte. */
  readonly bytes: number
  readonly value: string
}

/** Fields in order, each followed by its parts. */
export function anatomy(dialect: CompiledDialect, message: Message): ReadonlyArray<Piece> {
  const { bytes, index } = message
  const pieces: Array<Piece> = []
  for (let at = 1; at < index[0]! * 3; at += 3) {
    const [field, start, end] = [index[at]!, index[at + 1]!, index[at + 2]!]
    const entry = dialect.layout.entries[field]
    if (entry === undefined) continue
    const shape = shapeIn(entry, bytes, 0, index, Number.parseInt(message.mti, 10))
    const text = message.text(String(field)) ?? ""
    const parts = partsOf(shape, bytes, start, end)
    const taken = parts.length > 0 && (shape.mask === "none" || parts.some(hidden))
    pieces.push({
      path: String(field),
      name: shape.name,
      depth: 0,
      offset: start,
      bytes: end - start,
      // A whole that is shown beside its parts would show what a part hides.
      value: taken ? "" : masked(shape.mask, text)
    })
    if (taken) addParts(pieces, String(field), parts, 1)
  }
  return pieces
}

function partsOf(
  shape: FieldShape,
  bytes: Uint8Array,
  start: number,
  end: number
): ReadonlyArray<Part> {
  if (shape.composite === undefined || shape.composite.check(bytes, start, end) >= 0) return []
  return shape.composite.parts(bytes, start, end)
}

function hidden({ parts, shape }: Part): boolean {
  return shape.mask !== "none" || parts.some(hidden)
}

function addParts(
  pieces: Array<Piece>,
  path: string,
  parts: ReadonlyArray<Part>,
  depth: number
): void {
  for (const part of parts) {
    const at = `${path}.${part.id}`
    const taken = part.parts.length > 0 && part.shape.mask === "none"
    pieces.push({
      path: at,
      name: part.known ? part.shape.name : "not in the dialect",
      depth,
      offset: part.offset,
      bytes: part.raw?.length ?? 0,
      value: taken ? "" : masked(part.shape.mask, part.text)
    })
    if (taken) addParts(pieces, at, part.parts, depth + 1)
  }
}
