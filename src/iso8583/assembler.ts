/**
 * Makes messages: from values alone, or from another message of which most is kept. Kept fields are
 * copied in runs, prefix and all, never decoded. Must hold: a message that cannot be made is a
 * fault with the path of the value; nothing half made ever leaves.
 */

import {
  announce,
  type BitmapForm,
  blockBytes,
  blocksAt,
  clearBit,
  hasBit,
  setBit,
  wordCount,
  writeBlock
} from "./bitmap.ts"
import type { BuildFault } from "./fault.ts"
import { writeField } from "./field-writer.ts"
import { textOf } from "./field.ts"
import { indexCapacity } from "./indexer.ts"
import { type Access, type Layout, plainField, shapeIn } from "./layout.ts"
import { mtiBytes, type MtiEncoding, writeMti } from "./message-type.ts"
import type { Message, Values } from "./message.ts"

/** No frame of the switch is longer: its length has two bytes. */
export const maxMessageBytes = 65_535

export interface Draft {
  readonly mti: number
  /** The message whose fields are kept, and the words of those that are. */
  readonly source?: Message
  readonly keep?: Int32Array
  /** Applied in order; later ones win. */
  readonly values: ReadonlyArray<Values | Writes>
  /** Field of the MAC, to be left zero; 0 = none is made. */
  readonly mac: number
  /** Bitmaps to send even when they are empty. */
  readonly bitmaps?: number
  /** Words of the fields that must be there. */
  readonly required?: Int32Array | undefined
}

/**
 * Values whose paths were resolved beforehand: what is made for every message skips the keys of an
 * object, which cost more than the values.
 */
export class Writes {
  readonly accesses: Array<Access> = []
  readonly values: Array<string | Uint8Array> = []

  add(access: Access, value: string | Uint8Array): void {
    this.accesses.push(access)
    this.values.push(value)
  }

  clear(): void {
    this.accesses.length = 0
    this.values.length = 0
  }
}

type PartMap = Map<string, string | Uint8Array | undefined>

export class Assembler {
  readonly #mtiEncoding: MtiEncoding
  readonly #bitmap: BitmapForm
  readonly #layout: Layout
  readonly #hasCases: boolean
  readonly #out = Buffer.alloc(maxMessageBytes)
  readonly #slots: Array<string | Uint8Array | undefined> = Array.from({ length: 193 })
  readonly #touched = new Int32Array(1024)
  #touchedCount = 0
  #parts: Map<number, PartMap> | undefined
  readonly #words = new Int32Array(wordCount)
  readonly #built = new Int32Array(indexCapacity)

  constructor(mti: MtiEncoding, bitmap: BitmapForm, layout: Layout) {
    this.#mtiEncoding = mti
    this.#bitmap = bitmap
    this.#layout = layout
    this.#hasCases = layout.entries.some((entry) => (entry?.cases.length ?? 0) > 0)
  }

  assemble(draft: Draft): Buffer | BuildFault {
    const words = this.#words
    words.fill(0)
    const { keep, source } = draft
    if (source !== undefined && keep !== undefined) {
      const index = source.index
      for (let at = 1, last = index[0]! * 3; at < last; at += 3) {
        const field = index[at]!
        if (hasBit(keep, field)) setBit(words, field)
      }
    }
    let fault: BuildFault | undefined
    for (const values of draft.values) {
      fault ??= values instanceof Writes ? this.#takeWrites(values) : this.#take(values)
    }
    if (draft.mac > 0) this.#put(draft.mac, "00".repeat(this.#shapeOf(draft.mac).fixed))
    fault ??= this.#missing(draft)
    const result = fault ?? this.#write(draft)
    this.#forget()
    return result
  }

  #shapeOf(field: number) {
    return this.#layout.entries[field]!.shape
  }

  #take(values: Values): BuildFault | undefined {
    for (const path of Object.keys(values)) {
      const value = values[path]
      if (value === undefined) continue
      const field = plainField(path)
      if (field > 0 && this.#layout.entries[field] !== undefined) {
        this.#put(field, value)
        continue
      }
      const access = this.#layout.access(path)
      if (access?.tail === undefined) return { path, problem: "is no field of the dialect" }
      this.#putPart(access.field, access.tail, value)
    }
    return undefined
  }

  #takeWrites({ accesses, values }: Writes): undefined {
    for (let at = 0; at < accesses.length; at++) {
      const { field, tail } = accesses[at]!
      if (tail === undefined) this.#put(field, values[at]!)
      else this.#putPart(field, tail, values[at]!)
    }
    return undefined
  }

  #putPart(field: number, tail: string, value: string | Uint8Array): void {
    setBit(this.#words, field)
    this.#parts ??= new Map()
    const parts = this.#parts.get(field) ?? new Map()
    this.#parts.set(field, parts.set(tail, value))
  }

  #put(field: number, value: string | Uint8Array): void {
    setBit(this.#words, field)
    this.#slots[field] = value
    this.#touched[this.#touchedCount++] = field
  }

  #forget(): void {
    for (let at = 0; at < this.#touchedCount; at++) this.#slots[this.#touched[at]!] = undefined
    this.#touchedCount = 0
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

  #write(draft: Draft): Buffer | BuildFault {
    const { source } = draft
    const words = this.#words
    const out = this.#out
    let at = this.#head(draft)
    this.#built[0] = 0
    let cursor = 1
    // Bytes of the source that are to be copied in one go: [runFrom, runTo) to runAt.
    let runFrom = 0
    let runTo = 0
    let runAt = at
    for (let word = 0; word < wordCount; word++) {
      let bits = words[word]!
      while (bits !== 0) {
        const lead = Math.clz32(bits)
        bits &= ~(0x80000000 >>> lead)
        const field = word * 32 + lead + 1
        if (source !== undefined) cursor = skipTo(source.index, cursor, field)
        if (this.#isKept(field, draft)) {
          const { bytes, index } = source!
          const from = cursor === 1 ? this.dataStart(bytes) : index[cursor - 1]!
          const to = index[cursor + 2]!
          if (at + to - from > out.length) return tooLong(field)
          if (from !== runTo) {
            copyRun(bytes, runFrom, runTo, out, runAt)
            runFrom = from
            runAt = at
          }
          runTo = to
          // A condition may look at it.
          if (this.#hasCases) {
            copyRun(bytes, runFrom, runTo, out, runAt)
            this.#note(field, at + index[cursor + 1]! - from, at + to - from)
          }
          at += to - from
          continue
        }
        // What is written here parts the run, though its bytes may have stood together.
        if (source !== undefined) copyRun(source.bytes, runFrom, runTo, out, runAt)
        runFrom = runTo = -1
        const next = this.#encode(field, draft, cursor, at)
        if (typeof next !== "number") return next
        at = next
      }
    }
    if (source !== undefined) copyRun(source.bytes, runFrom, runTo, out, runAt)
    const made = Buffer.allocUnsafe(at)
    copyRun(out, 0, at, made, 0)
    return made
  }

  /** Message type and bitmaps; returns where the fields begin. */
  #head(draft: Draft): number {
    const words = this.#words
    const size = blockBytes(this.#bitmap)
    const blocks = announce(this.#bitmap, words, draft.bitmaps ?? 1)
    let at = mtiBytes(this.#mtiEncoding)
    writeMti(this.#mtiEncoding, draft.mti, this.#out, 0)
    for (let block = 0; block < blocks; block++) {
      writeBlock(this.#bitmap, words, block * 2, this.#out, at)
      at += size
    }
    if (blocks > 1) clearBit(words, 1)
    if (blocks > 2) clearBit(words, 65)
    return at
  }

  #isKept(field: number, draft: Draft): boolean {
    if (this.#slots[field] !== undefined || this.#parts?.has(field) === true) return false
    return !this.#hasCases || this.#layout.entries[field]!.cases.length === 0 ||
      draft.mti === Number(draft.source?.mti)
  }

  #encode(field: number, draft: Draft, cursor: number, at: number): number | BuildFault {
    const entry = this.#layout.entries[field]
    const path = String(field)
    if (entry === undefined) return { path, problem: "is no field of the dialect" }
    const shape = this.#hasCases
      ? shapeIn(entry, this.#out, 0, this.#built, draft.mti)
      : entry.shape
    const existing = this.#slots[field] ?? keptValue(draft, field, cursor, this.#layout)
    const parts = this.#parts?.get(field)
    let value = existing
    if (parts !== undefined) {
      if (shape.composite === undefined) return { path, problem: "has no parts in this message" }
      const made = shape.composite.compose(existing, parts)
      if (typeof made !== "string" && !(made instanceof Uint8Array)) {
        return { path: made.path === "" ? path : `${path}.${made.path}`, problem: made.problem }
      }
      value = made
    }
    const end = writeField(shape, value ?? "", this.#out, at)
    if (typeof end === "string") return { path, problem: end }
    if (this.#hasCases) this.#note(field, at + (shape.prefix?.bytes ?? 0), end)
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
}

/** Short runs byte by byte: a call into the engine costs more. */
function copyRun(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number
): void {
  if (to - from < 48) {
    for (let byte = from; byte < to; byte++) {
      out[at + byte - from] = bytes[byte]!
    }
  } else if (from === 0 && to === bytes.length) out.set(bytes, at)
  else out.set(bytes.subarray(from, to), at)
}

function skipTo(index: Int32Array, from: number, field: number): number {
  let cursor = from
  const last = index[0]! * 3
  while (cursor < last && index[cursor]! < field) cursor += 3
  return cursor
}

/** What the source has under this field: packed digits as text, everything else as bytes. */
function keptValue(
  draft: Draft,
  field: number,
  cursor: number,
  layout: Layout
): string | Uint8Array | undefined {
  const { keep, source } = draft
  if (source === undefined || keep === undefined || !hasBit(keep, field)) return undefined
  if (cursor > source.index[0]! * 3 || source.index[cursor] !== field) return undefined
  const [start, end] = [source.index[cursor + 1]!, source.index[cursor + 2]!]
  const shape = shapeIn(layout.entries[field]!, source.bytes, 0, source.index, Number(source.mti))
  return shape.encoding === "bcd"
    ? textOf(shape, source.bytes, start, end)
    : source.bytes.subarray(start, end)
}

function tooLong(field: number): BuildFault {
  return { path: String(field), problem: "makes the message too long" }
}
