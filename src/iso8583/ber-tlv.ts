/**
 * Field 55 and its like: tags and values by the rules of ISO/IEC 8825-1, as EMV uses them.
 *
 *     [ tag 1-4 bytes ][ length 1-5 bytes ][ value ]   9F02 06 000000010000
 *
 * Must hold: every length is checked against its container before it is used, depth is bounded, and
 * what is not known keeps its bytes and its place. Zero bytes between objects are filler (EMV Book
 * 3 annex B). Lengths are definite.
 */

import { hex } from "./character-set.ts"
import {
  type Composite,
  firstStep,
  type Part,
  type PartReader,
  type PartValues,
  type StructureFault
} from "./composite.ts"
import type { BuildFault } from "./fault.ts"
import type { FieldShape } from "./field.ts"
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

const maxTlvDepth = 8
const maxTagBytes = 4

/** The shape of a tag's value; the second result says whether the dialect or EMV knows the tag. */
type TagShapes = (tag: string) => { readonly shape: FieldShape; readonly known: boolean }

export class BerTlv implements Composite {
  /** EMV's own tags hold card numbers and tracks. */
  readonly guards = true
  readonly #shapes: TagShapes
  /** The tags there may be, as numbers; undefined: any. */
  readonly #allowed: ReadonlySet<number> | undefined

  /** `allowed`: the only tags that may be there, in hex. */
  constructor(shapes: TagShapes, allowed: Iterable<string> | undefined) {
    this.#shapes = shapes
    this.#allowed = allowed && new Set(Array.from(allowed, tagNumber))
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    const bad = checkLevel(bytes, start, end, 0)
    if (bad >= 0 || this.#allowed === undefined) return bad
    return strangeIn(bytes, start, end, this.#allowed)
  }

  explain(bytes: Uint8Array, start: number, end: number): StructureFault | undefined {
    const fault = explainLevel(bytes, start, end, 0, "")
    if (fault !== undefined || this.#allowed === undefined) return fault
    const offset = strangeIn(bytes, start, end, this.#allowed)
    if (offset < 0) return undefined
    return { id: tagText(bytes, offset, end), offset, expected: "a tag of the dialect" }
  }

  part(id: string): PartReader | undefined {
    const [head, tail] = firstStep(id)
    const [tag, skip] = numbered(head) ?? ["", 0]
    const wanted = tagNumber(tag)
    if (wanted < 0) return undefined
    const inner = tail === undefined ? undefined : this.part(tail)
    if (tail !== undefined && inner === undefined) return undefined
    return partReader(this.#shapes(tag).shape, inner, (bytes, start, end) => {
      const from = findTag(bytes, start, end, wanted, skip)
      place.end = found.end
      return from
    })
  }

  parts(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Part> {
    return this.#level(bytes, start, end, 0)
  }

  #level(bytes: Uint8Array, start: number, end: number, depth: number): ReadonlyArray<Part> {
    return objects(bytes, start, end).map(({ from, id, tag, to }) => {
      const nested = isConstructed(tag) && depth + 1 < maxTlvDepth
      const inside = nested ? this.#level(bytes, from, to, depth + 1) : []
      return partAt(id, this.#shapes(tag), bytes, from, to, inside)
    })
  }

  compose(existing: string | Uint8Array | undefined, values: PartValues): Uint8Array | BuildFault {
    return spliced(
      existing,
      (old) => objects(old, 0, old.length),
      values,
      (id, change, kept) => this.#make(id, change, kept)
    )
  }

  /** Tag, length and value. */
  #make(
    id: string,
    change: Change,
    existing: Uint8Array | undefined
  ): Uint8Array | BuildFault {
    const tag = id.split("#")[0]!
    if (tagNumber(tag) < 0) return { path: id, problem: "is no BER-TLV tag" }
    const made = madeOf(
      id,
      change instanceof Map
        ? this.compose(existing, change)
        : filling(this.#shapes(tag).shape, change, existing)
    )
    if (!(made instanceof Uint8Array)) return made
    return Buffer.concat([Buffer.from(tag, "hex"), lengthBytes(made.length), made])
  }
}

/** Where the last object that was read ends; written by {@link openObject} alone. */
const found = { tag: 0, start: 0, end: 0 }

/**
 * Reads tag and length at `at` into {@link found}. Returns -1, or the offset of what is wrong.
 */
function openObject(bytes: Uint8Array, start: number, limit: number): number {
  let at = start
  let tag = bytes[at++]!
  if ((tag & 0x1f) === 0x1f) {
    do {
      if (at >= limit || at - start >= maxTagBytes) return start
      tag = tag * 256 + bytes[at]!
    } while ((bytes[at++]! & 0x80) !== 0)
  }
  if (at >= limit) return start
  const lengthAt = at
  let length = bytes[at++]!
  if (length >= 0x80) {
    const width = length & 0x7f
    if (width === 0 || width > 4 || at + width > limit) return lengthAt
    length = 0
    for (let index = 0; index < width; index++) length = length * 256 + bytes[at++]!
  }
  if (length > limit - at) return lengthAt
  found.tag = tag
  found.start = at
  found.end = at + length
  return -1
}

function checkLevel(bytes: Uint8Array, start: number, end: number, depth: number): number {
  let at = start
  while (at < end) {
    const first = bytes[at]!
    if (first === 0) {
      at++
      continue
    }
    // Most objects: no constructed one, a tag of one or two bytes, a length of one.
    if ((first & 0x20) === 0) {
      const lengthAt = (first & 0x1f) !== 0x1f ? at + 1 : bytes[at + 1]! < 0x80 ? at + 2 : end
      if (lengthAt < end) {
        const length = bytes[lengthAt]!
        if (length < 0x80 && length < end - lengthAt) {
          at = lengthAt + 1 + length
          continue
        }
      }
    }
    const bad = openObject(bytes, at, end)
    if (bad >= 0) return bad
    const next = found.end
    if ((first & 0x20) !== 0) {
      if (depth + 1 >= maxTlvDepth) return at
      const inside = checkLevel(bytes, found.start, next, depth + 1)
      if (inside >= 0) return inside
    }
    at = next
  }
  return -1
}

function explainLevel(
  bytes: Uint8Array,
  start: number,
  end: number,
  depth: number,
  above: string
): StructureFault | undefined {
  let at = start
  while (at < end) {
    if (bytes[at] === 0) {
      at++
      continue
    }
    const bad = openObject(bytes, at, end)
    const id = above + tagText(bytes, at, end)
    if (bad >= 0) {
      const expected = bad === at
        ? "a tag of 1 to 4 bytes and a length"
        : "a definite length that stays within its container"
      return { id, offset: bad, expected }
    }
    const next = found.end
    if ((bytes[at]! & 0x20) !== 0) {
      if (depth + 1 >= maxTlvDepth) {
        return { id, offset: at, expected: `at most ${maxTlvDepth} levels` }
      }
      const inside = explainLevel(bytes, found.start, next, depth + 1, `${id}.`)
      if (inside !== undefined) return inside
    }
    at = next
  }
  return undefined
}

/** Offset of the first tag that is not allowed, in objects that are well formed; or -1. */
function strangeIn(
  bytes: Uint8Array,
  start: number,
  end: number,
  allowed: ReadonlySet<number>
): number {
  let at = start
  while (at < end) {
    if (bytes[at] === 0) {
      at++
      continue
    }
    openObject(bytes, at, end)
    if (!allowed.has(found.tag)) return at
    // A template's tags follow its head, so that all of them are met in one walk.
    at = (bytes[at]! & 0x20) !== 0 ? found.start : found.end
  }
  return -1
}

/** The tag at `at` in hex, as far as it is there. */
function tagText(bytes: Uint8Array, at: number, limit: number): string {
  let end = at + 1
  if ((bytes[at]! & 0x1f) === 0x1f) {
    while (end < limit && end - at < maxTagBytes && (bytes[end]! & 0x80) !== 0) end++
    end++
  }
  return hex(bytes, at, Math.min(end, limit, at + maxTagBytes)).toUpperCase()
}

/** Offset of the value of the tag's `skip`-th repetition, or -1; {@link found} holds its end. */
function findTag(
  bytes: Uint8Array,
  start: number,
  end: number,
  wanted: number,
  skip: number
): number {
  let left = skip
  let at = start
  while (at < end) {
    if (bytes[at] === 0) {
      at++
      continue
    }
    if (openObject(bytes, at, end) >= 0) return -1
    if (found.tag === wanted && left-- === 0) return found.start
    at = found.end
  }
  return -1
}

function objects(bytes: Uint8Array, start: number, end: number): ReadonlyArray<Segment> {
  const list: Array<Segment> = []
  const ids = new Numbering()
  let at = start
  while (at < end) {
    if (bytes[at] === 0) {
      at++
      continue
    }
    if (openObject(bytes, at, end) >= 0) break
    const tag = tagText(bytes, at, end)
    list.push({ id: ids.idOf(tag), tag, at, from: found.start, to: found.end })
    at = found.end
  }
  return list
}

function isConstructed(tag: string): boolean {
  return (Number.parseInt(tag.slice(0, 2), 16) & 0x20) !== 0
}

/** The tag as a number, or -1 where the text is no well-formed tag. */
function tagNumber(tag: string): number {
  if (!/^(?:[0-9A-F]{2}){1,4}$/.test(tag)) return -1
  const bytes = Buffer.from(tag, "hex")
  return tagText(bytes, 0, bytes.length) === tag && (bytes.at(-1)! & 0x80) === 0 ||
      bytes.length === 1 && (bytes[0]! & 0x1f) !== 0x1f
    ? Number.parseInt(tag, 16)
    : -1
}

function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  if (length < 0x100) return Uint8Array.of(0x81, length)
  if (length < 0x10000) return Uint8Array.of(0x82, length >> 8, length & 0xff)
  return Uint8Array.of(0x83, length >> 16, (length >> 8) & 0xff, length & 0xff)
}
