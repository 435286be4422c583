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
import { type Layout, shapeIn } from "./layout.ts"
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
  readonly values: ReadonlyArray<Values>
  /** Field of the MAC, to be left zero; 0 = none is made. */
  readonly mac: number
  /** Bitmaps to send even when they are empty. */
  readonly bitmaps?: number
}

type PartMap = Map<string, string | Uint8Array | undefined>

export class Assembler {
  readonly #mtiEncoding: MtiEncoding
  readonly #bitmap: BitmapForm
  readonly #layout: Layout
  readonly #hasCases: boolean
  readonly #out = Buffer.alloc(maxMessageBytes)
  readonly #slots: Array<string | Uint8Array | undefined> = Array.from({ length: 193 })
  readonly #parts: Array<PartMap | undefined> = Array.from({ length: 193 })
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
      for (let at = 1; at < source.index[0]! * 3; at += 3) {
        const field = source.index[at]!
        if (hasBit(keep, field)) setBit(words, field)
      }
    }
    try {
      for (const values of draft.values) {
        const fault = this.#take(values)
        if (fault !== undefined) return fault
      }
      if (draft.mac > 0) {
        setBit(words, draft.mac)
        const { shape } = this.#layout.entries[draft.mac]!
        this.#slots[draft.mac] = "00".repeat(shape.fixed)
      }
      return this.#write(draft)
    } finally {
      this.#forget()
    }
  }

  #take(values: Values): BuildFault | undefined {
    for (const path in values) {
      const value = values[path]
      if (value === undefined) continue
      const access = this.#layout.access(path)
      if (access === undefined) return { path, problem: "is no field of the dialect" }
      const { field, tail } = access
      setBit(this.#words, field)
      if (tail === undefined) this.#slots[field] = value
      else (this.#parts[field] ??= new Map()).set(tail, value)
    }
    return undefined
  }

  #forget(): void {
    for (let field = 1; field < 193; field++) {
      this.#slots[field] = undefined
      this.#parts[field] = undefined
    }
  }

  #write(draft: Draft): Buffer | BuildFault {
    const { source } = draft
    const words = this.#words
    const out = this.#out
    const size = blockBytes(this.#bitmap)
    const blocks = announce(this.#bitmap, words, draft.bitmaps ?? 1)
    let at = mtiBytes(this.#mtiEncoding)
    writeMti(this.#mtiEncoding, draft.mti, out, 0)
    for (let block = 0; block < blocks; block++) {
      writeBlock(this.#bitmap, words, block * 2, out, at)
      at += size
    }
    if (blocks > 1) clearBit(words, 1)
    if (blocks > 2) clearBit(words, 65)
    this.#built[0] = 0
    let cursor = 1
    for (let word = 0; word < wordCount; word++) {
      let bits = words[word]!
      while (bits !== 0) {
        const lead = Math.clz32(bits)
        bits &= ~(0x80000000 >>> lead)
        const field = word * 32 + lead + 1
        if (source !== undefined) cursor = skipTo(source.index, cursor, field)
        const next = this.#isKept(field, draft)
          ? this.#copy(source!, cursor, at)
          : this.#encode(field, draft, cursor, at)
        if (typeof next !== "number") return next
        at = next
      }
    }
    return Buffer.from(out.subarray(0, at))
  }

  #isKept(field: number, draft: Draft): boolean {
    if (this.#slots[field] !== undefined || this.#parts[field] !== undefined) return false
    return !this.#hasCases || this.#layout.entries[field]!.cases.length === 0 ||
      draft.mti === Number(draft.source?.mti)
  }

  /** Copies the field at `cursor` of the source's index, with its prefix. */
  #copy(source: Message, cursor: number, at: number): number | BuildFault {
    const { bytes, index } = source
    const from = cursor === 1 ? this.dataStart(bytes) : index[cursor - 1]!
    const to = index[cursor + 2]!
    if (at + to - from > this.#out.length) return tooLong(index[cursor]!)
    const out = this.#out
    if (to - from < 32) {
      for (let byte = from; byte < to; byte++) out[at + byte - from] = bytes[byte]!
    } else out.set(bytes.subarray(from, to), at)
    if (this.#hasCases) this.#note(index[cursor]!, at + index[cursor + 1]! - from, at + to - from)
    return at + to - from
  }

  #encode(field: number, draft: Draft, cursor: number, at: number): number | BuildFault {
    const entry = this.#layout.entries[field]
    const path = String(field)
    if (entry === undefined) return { path, problem: "is no field of the dialect" }
    const shape = this.#hasCases
      ? shapeIn(entry, this.#out, 0, this.#built, draft.mti)
      : entry.shape
    const existing = this.#slots[field] ?? keptValue(draft, field, cursor, this.#layout)
    const parts = this.#parts[field]
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
