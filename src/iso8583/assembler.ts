/**
 * Makes messages: from values alone, or from another message of which most is kept. Kept fields are
 * copied in runs, prefix and all, never decoded. Must hold: a message that cannot be made is a
 * fault with the path of the value; nothing half made ever leaves.
 */

import { copyRun } from "../domain/byte-run.ts"
import { scratchBuffer } from "../domain/scratch.ts"
import {
  announce,
  type BitmapForm,
  bitsOf,
  blockBytes,
  blocksAt,
  clearBit,
  hasBit,
  hasSmallLetters,
  wordCount,
  writeBlock
} from "./bitmap.ts"
import type { BuildFault } from "./fault.ts"
import { bytesOf } from "./field-size.ts"
import { encoded, writeField } from "./field-writer.ts"
import { type Encoding, type FieldShape, textOf } from "./field.ts"
import { indexCapacity } from "./indexer.ts"
import { type FieldEntry, find, type Layout, maxField, plainField, shapeIn } from "./layout.ts"
import { mtiBytes, type MtiEncoding, writeMti } from "./message-type.ts"
import type { MessageView } from "./message-view.ts"
import type { Values } from "./message.ts"
import { type Value, ValueList } from "./value-list.ts"

/** No frame of the switch is longer: its length has two bytes. */
export const maxMessageBytes = 65_535

/** Where every message is put together, before it is copied out. */
const work = scratchBuffer(maxMessageBytes)

export interface Draft {
  readonly mti: number
  /** The message whose fields are kept, and the words of those that are. */
  readonly source: MessageView | undefined
  readonly keep: Int32Array | undefined
  /** Applied in order; later ones win. */
  readonly values: ReadonlyArray<Values | ValueList>
  /** Fields for a MAC, of which one is left zero at the end; undefined = none is made. */
  readonly mac: ReadonlyArray<number> | undefined
  /** Bitmaps to send even when they are empty. */
  readonly bitmaps: number
  /** Small letters in bitmaps of hex. */
  readonly small: boolean
  /** Words of the fields that must be there. */
  readonly required: Int32Array | undefined
}

type PartMap = Map<string, string | Uint8Array | undefined>

export class Assembler {
  readonly #mtiEncoding: MtiEncoding
  readonly #bitmap: BitmapForm
  readonly #layout: Layout
  /** Words of the fields that have cases, and of all whose shape depends on others. */
  readonly #cased: Int32Array
  readonly #dependent: Int32Array
  readonly #out = work
  readonly #slots: Array<string | Uint8Array | undefined> = Array.from({ length: 193 })
  #parts: Map<number, PartMap> | undefined
  /** Fields of the message, and those of them that are written, not kept. */
  readonly #words = new Int32Array(wordCount)
  readonly #fresh = new Int32Array(wordCount)
  readonly #built = new Int32Array(indexCapacity)
  /** One of the written fields is such a one: where the others stand must be known. */
  #conditional = false

  constructor(mti: MtiEncoding, bitmap: BitmapForm, layout: Layout) {
    this.#mtiEncoding = mti
    this.#bitmap = bitmap
    this.#layout = layout
    const wordsOf = (has: (entry: FieldEntry) => boolean) =>
      bitsOf(layout.entries.flatMap((entry, field) => entry && has(entry) ? [field] : []))
    this.#cased = wordsOf(({ cases }) => cases.length > 0)
    this.#dependent = wordsOf(({ cases, enciphered }) => cases.length + enciphered.length > 0)
  }

  assemble(draft: Draft): Buffer | BuildFault {
    for (let word = 0; word < wordCount; word++) this.#words[word] = this.#fresh[word] = 0
    let fault: BuildFault | undefined
    for (const values of draft.values) {
      fault ??= values instanceof ValueList ? this.#takeList(values) : this.#take(values)
    }
    const { keep, mac, source } = draft
    if (source !== undefined && keep !== undefined) this.#keep(source, keep, draft.mti)
    if (mac !== undefined) this.#put(this.#lastOf(mac), zeros)
    if (this.#bitmap.third > 0) this.#markThird(this.#bitmap.third)
    this.#conditional = this.#dependsOnOthers()
    fault ??= this.#missing(draft)
    const result = fault ?? this.#write(draft)
    this.#forget()
    return result
  }

  /** The first of these fields, each the last of a bitmap, that no field follows. */
  #lastOf(places: ReadonlyArray<number>): number {
    const words = this.#words
    let word = wordCount
    while (word > 0 && words[word - 1] === 0) word--
    let place = 0
    while (places[place]! < word * 32) place++
    return places[place]!
  }

  /** A field whose shape may be another in the new message is written anew. */
  #keep({ index, mtiNumber }: MessageView, keep: Int32Array, mti: number): void {
    const words = this.#words
    const fresh = this.#fresh
    const moved = mti !== mtiNumber
    for (let at = 1, last = index[0]! * 3; at < last; at += 3) {
      const field = index[at]! - 1
      const bit = (0x80000000 >>> (field & 31)) & keep[field >> 5]!
      words[field >> 5]! |= bit
      if (moved) fresh[field >> 5]! |= bit & this.#cased[field >> 5]!
    }
  }

  /** A third bitmap that is a field is made anew, where fields or its sender ask for it. */
  #markThird(third: number): void {
    const words = this.#words
    if ((words[4]! | words[5]!) !== 0 || hasBit(words, third)) this.#mark(third)
  }

  #dependsOnOthers(): boolean {
    for (let word = 0; word < wordCount; word++) {
      if ((this.#fresh[word]! & this.#dependent[word]!) !== 0) return true
    }
    return false
  }

  #shapeOf(field: number) {
    return this.#layout.entries[field]!.shape
  }

  #take(values: Values): BuildFault | undefined {
    // Plain objects: their keys as a list would be made for each message.
    for (const path in values) {
      const value = values[path]
      const fault = value === undefined ? undefined : this.#set(path, value)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #takeList({ paths, values }: ValueList): BuildFault | undefined {
    for (let at = 0; at < paths.length; at++) {
      const fault = this.#set(paths[at]!, values[at]!)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #set(path: string, value: Value): BuildFault | undefined {
    const field = plainField(path)
    if (field > 0 && this.#layout.entries[field] !== undefined) {
      this.#put(field, value)
      return undefined
    }
    const access = this.#layout.access(path)
    if (access?.tail === undefined) return { path, problem: "is no field of the dialect" }
    this.#putPart(access.field, access.tail, value)
    return undefined
  }

  #putPart(field: number, tail: string, value: string | Uint8Array): void {
    this.#mark(field)
    this.#parts ??= new Map()
    const parts = this.#parts.get(field) ?? new Map()
    this.#parts.set(field, parts.set(tail, value))
  }

  #put(field: number, value: string | Uint8Array): void {
    this.#mark(field)
    this.#slots[field] = value
  }

  #mark(field: number): void {
    const word = (field - 1) >> 5
    const bit = 0x80000000 >>> ((field - 1) & 31)
    this.#words[word]! |= bit
    this.#fresh[word]! |= bit
  }

  #forget(): void {
    for (let word = 0; word < wordCount; word++) {
      for (let bits = this.#fresh[word]!; bits !== 0;) {
        const lead = Math.clz32(bits)
        bits &= ~(0x80000000 >>> lead)
        this.#slots[word * 32 + lead + 1] = undefined
      }
    }
    this.#parts = undefined
  }

  #missing({ required }: Draft): BuildFault | undefined {
    if (required === undefined) return undefined
    for (let word = 0; word < wordCount; word++) {
      const missing = required[word]! & ~this.#words[word]!
      if (missing === 0) continue
      const field = word * 32 + Math.clz32(missing) + 1
      return { path: String(field), problem: `is missing: ${this.#shapeOf(field).name}` }
    }
    return undefined
  }

  /**
   * Between two fields that are written or dropped everything is kept, and copied in one go:
   *
   *     source   [ kept kept ][ old ][ kept kept kept ][ dropped ][ kept ]
   *     out      [ kept kept ][ written ][ kept kept kept ][ kept ]
   */
  #write(draft: Draft): Buffer | BuildFault {
    const { source } = draft
    const out = this.#out
    let at = this.#head(draft)
    this.#built[0] = 0
    const index = source === undefined ? noFields : source.index
    const last = index[0]! * 3
    let cursor = 1
    for (let word = 0; word < wordCount; word++) {
      let bits = this.#fresh[word]!
      while (bits !== 0) {
        const lead = Math.clz32(bits)
        bits &= ~(0x80000000 >>> lead)
        const field = word * 32 + lead + 1
        if (cursor < last && index[cursor]! < field) {
          const next = this.#copyKept(source!, cursor, field, at)
          if (next < 0) return tooLong(field)
          at = next
          while (cursor < last && index[cursor]! < field) cursor += 3
        }
        const next = this.#encode(field, draft, cursor, at)
        if (typeof next !== "number") return next
        at = next
        if (cursor < last && index[cursor] === field) cursor += 3
      }
    }
    if (cursor < last) {
      at = this.#copyKept(source!, cursor, maxField + 1, at)
      if (at < 0) return tooLong(index[last - 2]!)
    }
    const made = Buffer.allocUnsafe(at)
    copyRun(out, 0, at, made, 0)
    return made
  }

  /**
   * Copies the fields before `below` that are kept, from `cursor` on, prefix and all; returns the
   * offset behind them, or -1 when they make the message too long.
   */
  #copyKept({ bytes, index }: MessageView, cursor: number, below: number, start: number): number {
    const words = this.#words
    const last = index[0]! * 3
    let at = start
    let from = cursor === 1 ? this.dataStart(bytes) : index[cursor - 1]!
    let to = from
    for (let place = cursor; place < last && index[place]! < below; place += 3) {
      const field = index[place]! - 1
      const end = index[place + 2]!
      if ((words[field >> 5]! & (0x80000000 >>> (field & 31))) === 0) {
        if (at + to - from > maxMessageBytes) return -1
        copyRun(bytes, from, to, this.#out, at)
        at += to - from
        from = to = end
        continue
      }
      // A condition may look at it.
      if (this.#conditional) {
        this.#note(field + 1, at + index[place + 1]! - from, at + end - from)
      }
      to = end
    }
    if (at + to - from > maxMessageBytes) return -1
    copyRun(bytes, from, to, this.#out, at)
    return at + to - from
  }

  /** Message type and bitmaps; returns where the fields begin. */
  #head(draft: Draft): number {
    const words = this.#words
    const size = blockBytes(this.#bitmap)
    const blocks = announce(this.#bitmap, words, draft.bitmaps)
    let at = mtiBytes(this.#mtiEncoding)
    writeMti(this.#mtiEncoding, draft.mti, this.#out, 0)
    for (let block = 0; block < blocks; block++) {
      writeBlock(this.#bitmap, words, block * 2, this.#out, at, draft.small)
      at += size
    }
    if (blocks > 1) clearBit(words, 1)
    if (blocks > 2) clearBit(words, 65)
    return at
  }

  #encode(field: number, draft: Draft, cursor: number, at: number): number | BuildFault {
    const entry = this.#layout.entries[field]
    if (entry === undefined) return faulty(field, "is no field of the dialect")
    if (field === this.#bitmap.third) {
      const end = at + blockBytes(this.#bitmap)
      if (end > maxMessageBytes) return tooLong(field)
      writeBlock(this.#bitmap, this.#words, 4, this.#out, at, draft.small)
      return end
    }
    const shape = this.#conditional
      ? shapeIn(entry, this.#out, 0, this.#built, draft.mti)
      : entry.shape
    let existing = this.#slots[field] ?? keptValue(draft, field, cursor, entry, shape)
    if (existing === zeros) return zeroed(shape, this.#out, at)
    const parts = this.#parts?.get(field)
    let value = existing
    if (parts !== undefined) {
      if (shape.composite === undefined) return faulty(field, "has no parts in this message")
      if (typeof existing === "string" && shape.encoding !== "bcd") {
        const whole = encoded(shape, existing)
        if (typeof whole === "string") return faulty(field, whole)
        existing = whole.subarray(shape.prefixBytes)
      }
      const made = shape.composite.compose(existing, parts)
      if (typeof made !== "string" && !(made instanceof Uint8Array)) {
        return {
          path: made.path === "" ? String(field) : `${field}.${made.path}`,
          problem: made.problem
        }
      }
      value = made
    }
    const end = writeField(shape, value ?? "", this.#out, at)
    if (typeof end === "string") return faulty(field, end)
    if (this.#conditional) this.#note(field, at + shape.prefixBytes, end)
    return end
  }

  #note(field: number, start: number, end: number): void {
    const at = ++this.#built[0]! * 3 - 2
    this.#built[at] = field
    this.#built[at + 1] = start
    this.#built[at + 2] = end
  }

  /** Offset of the first field's first byte. */
  dataStart(bytes: Uint8Array): number {
    const at = mtiBytes(this.#mtiEncoding)
    return at + blocksAt(this.#bitmap, bytes, at) * blockBytes(this.#bitmap)
  }

  bitmapsOf(bytes: Uint8Array): number {
    return blocksAt(this.#bitmap, bytes, mtiBytes(this.#mtiEncoding))
  }

  /** Do the bitmaps have small letters? */
  hasSmallLetters(bytes: Uint8Array, index: Int32Array): boolean {
    const form = this.#bitmap
    if (form.encoding === "binary") return false
    const head = mtiBytes(this.#mtiEncoding)
    if (hasSmallLetters(form, bytes, head, this.bitmapsOf(bytes))) return true
    const third = form.third === 0 ? 0 : find(index, form.third)
    return third > 0 && hasSmallLetters(form, bytes, index[third + 1]!, 1)
  }
}

/** Stands for the zeros of a MAC that is still to be made. */
const zeros = new Uint8Array(0)

/** Zero in the field's own encoding, where a MAC will be written: a fixed length, no prefix. */
function zeroed(shape: FieldShape, out: Uint8Array, at: number): number | BuildFault {
  const end = at + bytesOf(shape, shape.fixed)
  if (end > maxMessageBytes) return { path: shape.path, problem: "makes the message too long" }
  const zero = zeroByte[shape.encoding]
  for (let byte = at; byte < end; byte++) out[byte] = zero
  return end
}

const zeroByte: Readonly<Record<Encoding, number>> = {
  ascii: 0x30,
  bcd: 0,
  ebcdic: 0xf0,
  ebcdic1047: 0xf0,
  binary: 0,
  hex: 0x30,
  "ebcdic-hex": 0xf0,
  gbk: 0x30
}

const noFields = new Int32Array(1)

/**
 * What the source has under this field: its bytes, or text where those would say something else
 * under the shape it is to have.
 */
function keptValue(
  draft: Draft,
  field: number,
  cursor: number,
  entry: FieldEntry,
  shape: FieldShape
): string | Uint8Array | undefined {
  const { keep, source } = draft
  if (source === undefined || keep === undefined || !hasBit(keep, field)) return undefined
  if (cursor > source.index[0]! * 3 || source.index[cursor] !== field) return undefined
  const [start, end] = [source.index[cursor + 1]!, source.index[cursor + 2]!]
  const from = shapeIn(entry, source.bytes, 0, source.index, source.mtiNumber)
  return keepsBytes(from, shape)
    ? source.bytes.subarray(start, end)
    : textOf(from, source.bytes, start, end)
}

/** Packed digits do not say how many they are; to and from type `b` the bytes pass as they are. */
function keepsBytes(from: FieldShape, to: FieldShape): boolean {
  if (from.encoding === "bcd" || to.encoding === "bcd") return false
  if ((from.type === "b") !== (to.type === "b")) return true
  return from.encoding === to.encoding && from.overpunch === to.overpunch
}

function faulty(field: number, problem: string): BuildFault {
  return { path: String(field), problem }
}

function tooLong(field: number): BuildFault {
  return faulty(field, "makes the message too long")
}
