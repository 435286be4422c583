/**
 * Tags, lengths and values of fixed widths: the private fields of most acquirers, and datasets,
 * whose values have parts of their own.
 *
 *     ascii    "01" "003" "ABC"          datasets   71 00 0C [ bitmap and parts ]
 *     length first                        "003" "01" "ABC"
 *
 * Must hold: repeated tags keep their order (`01`, `01#2`), what is not known keeps its bytes, and
 * no length reaches beyond the field.
 */

import { ebcdic, ebcdic037, hex, latin1 } from "./character-set.ts"
import {
  type Composite,
  firstStep,
  type Part,
  type PartReader,
  type PartValues,
  type StructureFault
} from "./composite.ts"
import { conformityOf, misfit } from "./conformity.ts"
import type { BuildFault } from "./fault.ts"
import { writeField } from "./field-writer.ts"
import { type FieldShape, textOf } from "./field.ts"
import {
  type LengthPrefix,
  prefixCode,
  prefixLimit,
  readPrefix,
  writePrefix
} from "./length-prefix.ts"

export const tagEncodings = ["ascii", "bcd", "ebcdic", "binary"] as const
export type TagEncoding = typeof tagEncodings[number]

export interface TagForm {
  readonly encoding: TagEncoding
  /** Characters of the tag, in its written form: hex for `binary`, digits for `bcd`. */
  readonly width: number
  readonly bytes: number
  readonly length: LengthPrefix
  readonly lengthFirst: boolean
  /** The length counts the tag as well. */
  readonly countsTag: boolean
  readonly refuseUnknown: boolean
  /** The shape of a tag's value, and whether the dialect names the tag. */
  readonly shapes: (tag: string) => { readonly shape: FieldShape; readonly known: boolean }
}

/** Where the segment last read has its value; written by `TagParts.#open` alone. */
const found = { tagAt: 0, start: 0, end: 0 }

export class TagParts implements Composite {
  readonly #form: TagForm

  constructor(form: TagForm) {
    this.#form = form
  }

  /** Reads the head at `at`; -1, or the offset of what is wrong. */
  #open(bytes: Uint8Array, at: number, limit: number): number {
    const { bytes: tagSize, countsTag, length, lengthFirst } = this.#form
    const head = tagSize + length.bytes
    if (at + head > limit) return at
    const lengthAt = lengthFirst ? at : at + tagSize
    const counted = readPrefix(prefixCode[length.encoding], bytes, lengthAt, length.bytes)
    const units = countsTag ? counted - tagSize : counted
    if (counted < 0 || units < 0) return lengthAt
    const size = length.counts === "nibbles" ? (units + 1) >> 1 : units
    if (size > limit - at - head) return lengthAt
    found.tagAt = lengthFirst ? at + length.bytes : at
    found.start = at + head
    found.end = found.start + size
    return -1
  }

  #tag(bytes: Uint8Array, at: number): string {
    const { bytes: size, encoding } = this.#form
    if (encoding === "ascii") return latin1(bytes, at, at + size)
    if (encoding === "ebcdic") return ebcdic(ebcdic037, bytes, at, at + size)
    return hex(bytes, at, at + size).toUpperCase()
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    return this.explain(bytes, start, end)?.offset ?? -1
  }

  explain(bytes: Uint8Array, start: number, end: number): StructureFault | undefined {
    let at = start
    while (at < end) {
      const bad = this.#open(bytes, at, end)
      if (bad >= 0) {
        return { id: "", offset: bad, expected: "a tag, and a length that stays within the field" }
      }
      const { end: next, start: from, tagAt } = found
      const tag = this.#tag(bytes, tagAt)
      const { known, shape } = this.#form.shapes(tag)
      if (!known && this.#form.refuseUnknown) {
        return { id: tag, offset: tagAt, expected: "a tag of the dialect" }
      }
      const wrong = wrongIn(shape, bytes, from, next)
      if (wrong !== undefined) return { ...wrong, id: wrong.id === "" ? tag : `${tag}.${wrong.id}` }
      at = next
    }
    return undefined
  }

  part(id: string): PartReader | undefined {
    const [head, tail] = firstStep(id)
    const [tag = "", count] = head.split("#")
    const skip = count === undefined ? 0 : Number(count) - 1
    if (tag.length !== this.#form.width || !Number.isInteger(skip) || skip < 0) return undefined
    const whole = this.#form.shapes(tag).shape
    const inner = tail === undefined ? undefined : whole.composite?.part(tail)
    if (tail !== undefined && inner === undefined) return undefined
    const within = <T>(
      bytes: Uint8Array,
      start: number,
      end: number,
      read: (from: number, to: number) => T
    ): T | undefined => {
      let left = skip
      for (let at = start; at < end; at = found.end) {
        if (this.#open(bytes, at, end) >= 0) return undefined
        if (this.#tag(bytes, found.tagAt) === tag && left-- === 0) {
          return read(found.start, found.end)
        }
      }
      return undefined
    }
    return {
      shape: inner?.shape ?? whole,
      text: (bytes, start, end) =>
        within(
          bytes,
          start,
          end,
          (from, to) =>
            inner === undefined ? textOf(whole, bytes, from, to) : inner.text(bytes, from, to)
        ),
      raw: (bytes, start, end) =>
        within(
          bytes,
          start,
          end,
          (from, to) => inner === undefined ? bytes.subarray(from, to) : inner.raw(bytes, from, to)
        )
    }
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    return this.#segments(bytes, start, end).map(({ from, id, tag, to }) => {
      const { known, shape } = this.#form.shapes(tag)
      return {
        id,
        shape,
        text: textOf(shape, bytes, from, to),
        raw: bytes.subarray(from, to),
        offset: from,
        known,
        parts: shape.composite?.parts(bytes, from, to) ?? []
      }
    })
  }

  #segments(bytes: Uint8Array, start: number, end: number) {
    const list = []
    const seen = new Map<string, number>()
    for (let at = start; at < end; at = found.end) {
      if (this.#open(bytes, at, end) >= 0) break
      const tag = this.#tag(bytes, found.tagAt)
      const count = (seen.get(tag) ?? 0) + 1
      seen.set(tag, count)
      const id = count === 1 ? tag : `${tag}#${count}`
      list.push({ id, tag, at, from: found.start, to: found.end })
    }
    return list
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): Uint8Array | BuildFault {
    const old = typeof existing === "object" ? existing : new Uint8Array(0)
    const pieces: Array<Uint8Array> = []
    const open = byHead(values)
    let kept = 0
    for (const { at, from, id, to } of this.#segments(old, 0, old.length)) {
      const change = open.get(id)
      if (change === undefined) continue
      open.delete(id)
      pieces.push(old.subarray(kept, at))
      kept = to
      const made = this.#make(id, change, old.subarray(from, to))
      if (!(made instanceof Uint8Array)) return made
      pieces.push(made)
    }
    pieces.push(old.subarray(kept))
    for (const [id, change] of open) {
      const made = this.#make(id, change, undefined)
      if (!(made instanceof Uint8Array)) return made
      pieces.push(made)
    }
    return Buffer.concat(pieces)
  }

  #make(
    id: string,
    change: Change,
    existing: Uint8Array | undefined
  ): Uint8Array | BuildFault {
    const tag = id.split("#")[0]!
    const tagBytes = this.#tagBytes(tag)
    if (tagBytes === undefined) return { path: id, problem: "is no tag of this field" }
    const made = contentOf(this.#form.shapes(tag).shape, change, existing)
    if (typeof made === "string") return { path: id, problem: made }
    if (!(made instanceof Uint8Array)) return { ...made, path: `${id}.${made.path}` }
    const { countsTag, length, lengthFirst } = this.#form
    const units = length.counts === "nibbles" ? made.length * 2 : made.length
    const count = countsTag ? units + tagBytes.length : units
    if (count > prefixLimit(length)) {
      return { path: id, problem: "is longer than its length can say" }
    }
    const prefix = new Uint8Array(length.bytes)
    writePrefix(length, count, prefix, 0)
    return Buffer.concat(lengthFirst ? [prefix, tagBytes, made] : [tagBytes, prefix, made])
  }

  #tagBytes(tag: string): Uint8Array | undefined {
    const { encoding, width } = this.#form
    if (tag.length !== width) return undefined
    if (encoding === "ascii") return Buffer.from(tag, "latin1")
    if (encoding === "ebcdic") {
      return Buffer.from(tag, "latin1").map((byte) => ebcdic037.fromLatin1[byte]!)
    }
    const form = encoding === "bcd" ? /^[0-9]+$/ : /^[0-9A-F]+$/
    return form.test(tag) ? Buffer.from(tag, "hex") : undefined
  }
}

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

/** The bytes of a value that fills its container, or what is wrong with it. */
export function contentOf(
  shape: FieldShape,
  change: Change,
  existing: Uint8Array | undefined
): Uint8Array | string | BuildFault {
  let value: string | Uint8Array
  if (change instanceof Map) {
    if (shape.composite === undefined) return "has no parts"
    const made = shape.composite.compose(existing, change)
    if (typeof made !== "string" && !(made instanceof Uint8Array)) return made
    value = made
  } else value = change
  if (value instanceof Uint8Array) return value
  const out = new Uint8Array(value.length * 2 + shape.prefixBytes + Math.max(0, shape.fixed) + 8)
  const end = writeField(shape, value, out, 0)
  return typeof end === "string" ? end : out.subarray(0, end)
}

/** What is wrong with a value that takes all of `bytes[start, end)`. */
export function wrongIn(
  shape: FieldShape,
  bytes: Uint8Array,
  start: number,
  end: number
): StructureFault | undefined {
  const bad = misfit(conformityOf(shape), bytes, start, end, false)
  if (bad >= 0) return { id: "", offset: bad, expected: `a ${shape.name} of type ${shape.type}` }
  return shape.lenient ? undefined : shape.composite?.explain(bytes, start, end)
}
