/**
 * A message for people: one row for each field and part, in order, as the `decode` verb prints it.
 * Must hold: what a field's definition masks is masked here and nowhere shown otherwise; a value
 * cannot bring control characters to a terminal or a log.
 */

import type { Part } from "./composite.ts"
import type { CompiledDialect } from "./dialect.ts"
import { type FieldShape, textOf } from "./field.ts"
import { find, shapeIn } from "./layout.ts"
import { type Mask, masked } from "./mask.ts"
import type { Message } from "./message.ts"

export interface Row {
  /** `mti`, `4`, `60.2`, `55.9F02`, `48.1.3`. */
  readonly path: string
  readonly name: string
  /** Masked; empty where the parts below say it. */
  readonly value: string
  /** Bytes on the wire, without length prefix; -1 where it does not begin and end on a byte. */
  readonly length: number
  /** Offset in the body; -1 as above. */
  readonly offset: number
  readonly note: string
  /** 0 for fields, 1 for their parts, and so on. */
  readonly depth: number
}

/** A value with what may be said of it: for rows, and for telling two messages apart. */
export interface Leaf {
  readonly path: string
  readonly shape: FieldShape
  /** What of the text may be seen. */
  readonly mask: Mask
  readonly text: string
  readonly offset: number
  readonly length: number
  readonly known: boolean
  readonly depth: number
  /** They say all of it. */
  readonly hasParts: boolean
}

export function describe(message: Message): ReadonlyArray<Row> {
  const dialect = message.dialect as CompiledDialect
  const kind = message.kind()
  const rows: Array<Row> = [{
    path: "mti",
    name: "message type",
    value: message.mti,
    length: dialect.mtiLength,
    offset: 0,
    note: [dialect.nameOf(message.mti), kind].filter((each) => each !== undefined).join(", "),
    depth: 0
  }]
  for (const leaf of leaves(message)) {
    rows.push({
      path: leaf.path,
      name: leaf.shape.name,
      value: leaf.hasParts ? "" : seen(leaf),
      length: leaf.length,
      offset: leaf.offset,
      note: noteOf(leaf),
      depth: leaf.depth
    })
  }
  return rows
}

/** The text as people may see it. */
export function seen({ mask, text }: Leaf): string {
  return printable(masked(mask, text))
}

function noteOf(leaf: Leaf): string {
  const notes: Array<string> = []
  if (!leaf.known) notes.push("unknown, kept as it is")
  if (leaf.shape.neverStored) notes.push("never stored")
  return notes.join(", ")
}

/** Every field and part, in order. The texts are clear: they are for comparing, not for showing. */
export function leaves(message: Message): ReadonlyArray<Leaf> {
  const dialect = message.dialect as CompiledDialect
  const found: Array<Leaf> = []
  const { bytes, index } = message
  for (const field of message.fields()) {
    const at = find(index, field)
    const [start, end] = [index[at + 1]!, index[at + 2]!]
    const entry = dialect.layout.entries[field]!
    const shape = shapeIn(entry, bytes, 0, index, message.mtiNumber)
    const { composite } = shape
    const parts = composite?.parts(bytes, start, end) ?? []
    // What its parts do not say, the whole does.
    const strays = shape.lenient && composite !== undefined &&
      composite.check(bytes, start, end) >= 0
    found.push({
      path: String(field),
      shape,
      mask: strays && shape.mask === "none" && composite.guards ? "hidden" : shape.mask,
      text: textOf(shape, bytes, start, end),
      offset: start,
      length: end - start,
      known: entry.known,
      depth: 0,
      hasParts: parts.length > 0 && !strays
    })
    addParts(found, parts, String(field), 1, guardOf(shape, parts))
  }
  return found
}

/** A whole that is masked, and whose parts say nothing of it, hides them all. */
function guardOf({ mask }: FieldShape, parts: ReadonlyArray<Part>): boolean {
  return mask !== "none" && !parts.some(hides)
}

function hides({ parts, shape }: Part): boolean {
  return shape.mask !== "none" || parts.some(hides)
}

function addParts(
  found: Array<Leaf>,
  parts: ReadonlyArray<Part>,
  above: string,
  depth: number,
  guarded: boolean
): void {
  for (const part of parts) {
    const path = `${above}.${part.id}`
    found.push({
      path,
      shape: part.shape,
      mask: guarded ? "hidden" : part.shape.mask,
      text: part.text,
      offset: part.offset,
      length: part.raw?.length ?? -1,
      known: part.known,
      depth,
      hasParts: part.parts.length > 0
    })
    addParts(found, part.parts, path, depth + 1, guarded || guardOf(part.shape, part.parts))
  }
}

/** Control characters, and what a terminal could take for its own, as `\x1b`. */
export function printable(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}\\]/gu,
    (character) => `\\x${character.codePointAt(0)!.toString(16).padStart(2, "0")}`
  )
}
