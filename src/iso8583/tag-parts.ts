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
import type { FieldShape } from "./field.ts"
import {
  type LengthPrefix,
  prefixCode,
  prefixLimit,
  readPrefix,
  writePrefix
} from "./length-prefix.ts"
import { isGuarded } from "./mask.ts"
import {
  type Change,
  filling,
  madeOf,
  numbered,
  Numbering,
  type Segment,
  spliced
} from "./part-changes.ts"
import { partAt, partReader, place } from "./part-place.ts"

export const tagEncodings = ["ascii", "bcd", "ebcdic", "binary"] as const
type TagEncoding = typeof tagEncodings[number]

interface TagForm {
  readonly encoding: TagEncoding
  /** Characters of the tag, in its written form: hex for `binary`, digits for `bcd`. */
  readonly width: number
  readonly bytes: number
  readonly length: LengthPrefix
  readonly lengthFirst: boolean
  /** The length counts the tag as well. */
  readonly countsTag: boolean
  readonly refuseUnknown: boolean
  /** Tags that the dialect names. */
  readonly known: ReadonlyMap<string, FieldShape>
  /** The shape of every other tag's value. */
  readonly other: (tag: string) => FieldShape
}

/** A tag that the dialect names, as it stands on the wire. */
interface KnownTag {
  readonly bytes: Uint8Array
  readonly shape: FieldShape
  readonly test: number
}

/** Where the segment last read has its value; written by `TagParts.#open` alone. */
const found = { tagAt: 0, start: 0, end: 0 }

export class TagParts implements Composite {
  readonly guards: boolean
  readonly #form: TagForm
  readonly #known: ReadonlyArray<KnownTag>

  constructor(form: TagForm) {
    this.guards = [...form.known.values()].some(isGuarded)
    this.#form = form
    this.#known = [...form.known].flatMap(([tag, shape]) => {
      const bytes = this.#tagBytes(tag)
      return bytes === undefined ? [] : [{ bytes, shape, test: conformityOf(shape) }]
    })
  }

  #shapes(tag: string): { readonly shape: FieldShape; readonly known: boolean } {
    const shape = this.#form.known.get(tag)
    return { shape: shape ?? this.#form.other(tag), known: shape !== undefined }
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
    let at = start
    while (at < end) {
      const bad = this.#open(bytes, at, end)
      if (bad >= 0) return bad
      const { end: next, start: from, tagAt } = found
      const known = this.#knownAt(bytes, tagAt)
      if (known === undefined && this.#form.refuseUnknown) return tagAt
      if (known !== undefined) {
        const inside = wrongAt(known.shape, known.test, bytes, from, next)
        if (inside >= 0) return inside
      }
      at = next
    }
    return -1
  }

  #knownAt(bytes: Uint8Array, at: number): KnownTag | undefined {
    const known = this.#known
    for (let each = 0; each < known.length; each++) {
      const tag = known[each]!.bytes
      let index = 0
      while (index < tag.length && tag[index] === bytes[at + index]) index++
      if (index === tag.length) return known[each]
    }
    return undefined
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
      const { known, shape } = this.#shapes(tag)
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
    const [tag, skip] = numbered(head) ?? ["", 0]
    if (tag.length !== this.#form.width) return undefined
    const whole = this.#shapes(tag).shape
    const inner = tail === undefined ? undefined : whole.composite?.part(tail)
    if (tail !== undefined && inner === undefined) return undefined
    return partReader(whole, inner, (bytes, start, end) => {
      let left = skip
      for (let at = start; at < end; at = found.end) {
        if (this.#open(bytes, at, end) >= 0) return -1
        if (this.#tag(bytes, found.tagAt) === tag && left-- === 0) {
          place.end = found.end
          return found.start
        }
      }
      return -1
    })
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    return this.#segments(bytes, start, end).map(({ from, id, tag, to }) =>
      partAt(id, this.#shapes(tag), bytes, from, to)
    )
  }

  #segments(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Segment> {
    const list: Array<Segment> = []
    const ids = new Numbering()
    for (let at = start; at < end; at = found.end) {
      if (this.#open(bytes, at, end) >= 0) break
      const tag = this.#tag(bytes, found.tagAt)
      list.push({ id: ids.idOf(tag), tag, at, from: found.start, to: found.end })
    }
    return list
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): Uint8Array | BuildFault {
    return spliced(
      existing,
      (old) => this.#segments(old, 0, old.length),
      values,
      (id, change, kept) => this.#make(id, change, kept)
    )
  }

  #make(
    id: string,
    change: Change,
    existing: Uint8Array | undefined
  ): Uint8Array | BuildFault {
    const tag = id.split("#")[0]!
    const tagBytes = this.#tagBytes(tag)
    if (tagBytes === undefined) return { path: id, problem: "is no tag of this field" }
    const made = madeOf(id, filling(this.#shapes(tag).shape, change, existing))
    if (!(made instanceof Uint8Array)) return made
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

/** Where a value that takes all of `bytes[start, end)` is wrong, or -1. */
function wrongAt(
  shape: FieldShape,
  test: number,
  bytes: Uint8Array,
  start: number,
  end: number
): number {
  const bad = misfit(test, bytes, start, end, false)
  if (bad >= 0) return bad
  return shape.lenient || shape.composite === undefined
    ? -1
    : shape.composite.check(bytes, start, end)
}

/** What is wrong with it, in words. */
function wrongIn(
  shape: FieldShape,
  bytes: Uint8Array,
  start: number,
  end: number
): StructureFault | undefined {
  const bad = misfit(conformityOf(shape), bytes, start, end, false)
  if (bad >= 0) return { id: "", offset: bad, expected: `a ${shape.name} of type ${shape.type}` }
  return shape.lenient ? undefined : shape.composite?.explain(bytes, start, end)
}
