/**
 * From bytes to offsets, in one pass over flat tables. Must hold: every length is checked before it
 * is used; nothing is allocated while the message is right; time is linear in the bytes.
 *
 *     out = [ count, field, start, end, field, start, end, ... ]     offsets from the body's start
 */

import { type BitmapForm, blockBytes, letters, readBlock, wordCount } from "./bitmap.ts"
import type { Composite } from "./composite.ts"
import type { Condition } from "./condition.ts"
import { conformityOf, countsOf, isOdd, misfit } from "./conformity.ts"
import { bytesOf, digitsOf, isHex } from "./field-size.ts"
import type { FieldShape } from "./field.ts"
import { enciphered, type FieldEntry, find } from "./layout.ts"
import { countsHalves, prefixCode, readPrefix } from "./length-prefix.ts"
import { mtiBytes, type MtiEncoding, readMti } from "./message-type.ts"

/** Where the indexer says what is wrong: `[code, field, offset, from, to]`. */
export const faultAt = 1 + 3 * 192

/** Int32s that an index of any message needs, with room for what may be wrong with it. */
export const indexCapacity = faultAt + 5

/** What can be wrong; negated it is what `index` returns. */
export const faultCode = {
  short: 1,
  mtiForm: 2,
  mtiUnknown: 3,
  bitmapForm: 4,
  fieldUnknown: 5,
  prefixCut: 6,
  prefixForm: 7,
  lengthRange: 8,
  valueCut: 9,
  content: 10,
  structure: 11,
  trailing: 12,
  missing: 13,
  forbidden: 14,
  value: 15
} as const

/** What a message type demands. */
export interface PresenceRule {
  /** Words of bits. */
  readonly mandatory: Int32Array
  readonly forbidden: Int32Array
  /** Fields that are mandatory when a condition holds, and fields with a list of values. */
  readonly conditional: ReadonlyArray<{ readonly field: number; readonly when: Condition }>
  readonly values: ReadonlyArray<{ readonly field: number; readonly allows: Condition }>
}

/** A row of the table: how the bytes of one shape are measured. */
const stride = 9
const opUnknown = 0
const opFixed = 1
const opVariable = 2
const opRest = 3
const opCases = 4
/** A fixed length and no structure: most fields of most messages. */
const opPlain = 5
/** The third bitmap, as a field. */
const opBitmap = 6

export class Indexer {
  readonly #mtiEncoding: MtiEncoding
  readonly #mtiBytes: number
  readonly #bitmap: BitmapForm
  readonly #block: number
  readonly #rules: ReadonlyArray<PresenceRule | undefined>
  readonly #entries: ReadonlyArray<FieldEntry | undefined>
  readonly #table: Int32Array
  readonly #composites: Array<Composite | undefined> = []
  readonly #hasCases: boolean
  /** First row of the cases of each field. */
  readonly #caseRows: Int32Array
  readonly #words = new Int32Array(wordCount)
  /** Fields whose digits are judged unless they are enciphered. */
  readonly #tracks: ReadonlyArray<TrackRule>
  /** What letters the bitmaps ahead of the fields have shown. */
  #letters = 0

  /** `rules` by message type, 0 to 9999. */
  constructor(
    mti: MtiEncoding,
    bitmap: BitmapForm,
    entries: ReadonlyArray<FieldEntry | undefined>,
    rules: ReadonlyArray<PresenceRule | undefined>
  ) {
    this.#mtiEncoding = mti
    this.#mtiBytes = mtiBytes(mti)
    this.#bitmap = bitmap
    this.#block = blockBytes(bitmap)
    this.#entries = entries
    this.#rules = rules
    const cases = entries.reduce((sum, entry) => sum + (entry?.cases.length ?? 0), 0)
    this.#table = new Int32Array((entries.length + cases + entries.length) * stride)
    this.#hasCases = cases > 0
    this.#caseRows = new Int32Array(entries.length)
    let row = entries.length
    for (const [field, entry] of entries.entries()) {
      if (entry === undefined) continue
      this.#fill(field, entry.shape)
      if (entry.cases.length === 0) continue
      this.#caseRows[field] = row
      for (const each of entry.cases) this.#fill(row++, each.shape)
      this.#fill(row++, entry.shape)
      this.#table[field * stride] = opCases
    }
    this.#tracks = entries.flatMap((entry, field) =>
      entry === undefined || entry.enciphered.length === 0
        ? []
        : [{ entry, field, test: conformityOf(entry.shape.with({ unchecked: false })) }]
    )
    if (bitmap.third > 0) {
      this.#table.fill(0, bitmap.third * stride, (bitmap.third + 1) * stride)
      this.#table[bitmap.third * stride] = opBitmap
    }
  }

  #fill(row: number, shape: FieldShape): void {
    const at = row * stride
    const { least, most } = countsOf(shape)
    const { fixed, prefix } = shape
    // A layout behind hex looks at every character itself.
    const checked = shape.lenient ? undefined : shape.composite
    const hexPairs = isHex(shape.encoding) && prefix?.counts !== "octets" ? 2 : 1
    this.#table.set([
      shape.rest
        ? opRest
        : prefix !== undefined
        ? opVariable
        : checked === undefined
        ? opPlain
        : opFixed,
      fixed < 0 ? hexPairs : bytesOf(shape, fixed),
      prefix?.bytes ?? 0,
      prefix === undefined ? 0 : prefixCode[prefix.encoding],
      factorOf(shape),
      least,
      most,
      checked === undefined || !isHex(shape.encoding) ? conformityOf(shape) : 0,
      fixed >= 0
        ? Number(isOdd(shape, fixed))
        : prefix === undefined || countsHalves(prefix)
        ? 2
        : 0
    ], at)
    this.#composites[row] = checked
  }

  /**
   * Indexes `bytes[start, end)` into `out` and returns the number of fields; or a negated
   * {@link faultCode}, details at {@link faultAt}, and the fields before it in the index.
   * `anyType`: of a type that the dialect lacks only the fields are judged, so that it can be
   * refused by an answer.
   */
  index(
    bytes: Uint8Array,
    start: number,
    end: number,
    out: Int32Array,
    anyType = false
  ): number {
    let at = start + this.#mtiBytes
    out[0] = 0
    if (at + this.#block > end) return fault(out, faultCode.short, 0, end - start)
    const mti = readMti(this.#mtiEncoding, bytes, start)
    if (mti < 0) return fault(out, faultCode.mtiForm, 0, 0)
    const rule = this.#rules[mti]
    if (rule === undefined && !anyType) return fault(out, faultCode.mtiUnknown, 0, 0)
    const words = this.#words
    at = this.#readBitmap(bytes, start, at, end, out)
    if (at < 0) return at
    const table = this.#table
    const hasCases = this.#hasCases
    let count = 0
    for (let word = 0; word < wordCount; word++) {
      let bits = words[word]!
      while (bits !== 0) {
        const lead = Math.clz32(bits)
        bits &= ~(0x80000000 >>> lead)
        const field = word * 32 + lead + 1
        // A condition looks at the fields before.
        if (hasCases) out[0] = count
        const cell = field * stride
        let to = at + table[cell + 1]!
        let from = at
        if (
          table[cell] !== opPlain || to > end ||
          misfit(table[cell + 7]!, bytes, at, to, table[cell + 8] === 1) >= 0
        ) {
          to = this.#measure(field, bytes, start, at, end, out, mti)
          from = at + this.#prefixAt
        }
        if (to < 0) {
          out[0] = count
          return to
        }
        count++
        out[3 * count - 2] = field
        out[3 * count - 1] = from - start
        out[3 * count] = to - start
        at = to
      }
    }
    out[0] = count
    if (at !== end) return fault(out, faultCode.trailing, 0, at - start)
    return rule === undefined ? count : this.#judge(rule, bytes, start, out, mti, count)
  }

  /** Bytes of the prefix of the value last measured. */
  #prefixAt = 0

  #readBitmap(
    bytes: Uint8Array,
    start: number,
    at: number,
    end: number,
    out: Int32Array
  ): number {
    const words = this.#words
    const form = this.#bitmap
    words.fill(0)
    let seen = 0
    let next = at
    for (let word = 0; word < form.ahead * 2; word += 2) {
      if (word > 0 && !form.always && words[word - 2]! >= 0) break
      if (next + this.#block > end) return fault(out, faultCode.short, 1, end - start)
      seen |= readBlock(form, bytes, next, words, word)
      if (seen < 0 || seen === letters.mixed) {
        return fault(out, faultCode.bitmapForm, 1, next - start)
      }
      next += this.#block
    }
    if (form.third > 0) this.#letters = seen
    // The bits that announce a further block are no fields.
    if (form.ahead > 1) words[0]! &= 0x7fffffff
    if (form.ahead > 2) words[2]! &= 0x7fffffff
    return next
  }

  /** The third bitmap, where it stands as a field. */
  #readThird(
    bytes: Uint8Array,
    start: number,
    from: number,
    end: number,
    out: Int32Array
  ): number {
    const { third } = this.#bitmap
    const to = from + this.#block
    if (to > end) return fault(out, faultCode.valueCut, third, from - start)
    const seen = this.#letters | readBlock(this.#bitmap, bytes, from, this.#words, 4)
    if (seen < 0 || seen === letters.mixed) {
      return fault(out, faultCode.bitmapForm, third, from - start)
    }
    this.#prefixAt = 0
    return to
  }

  #measure(
    field: number,
    bytes: Uint8Array,
    start: number,
    from: number,
    end: number,
    out: Int32Array,
    mti: number
  ): number {
    const table = this.#table
    let row = field
    let cell = row * stride
    let op = table[cell]!
    if (op === opCases) {
      row = this.#caseRow(field, bytes, start, out, mti)
      cell = row * stride
      op = table[cell]!
    }
    const parity = table[cell + 8]!
    let odd = parity === 1
    let to = end
    let at = from
    if (op === opFixed || op === opPlain) {
      to = from + table[cell + 1]!
      if (to > end) return fault(out, faultCode.valueCut, field, from - start)
    } else if (op === opVariable) {
      const size = table[cell + 2]!
      at = from + size
      if (at > end) return fault(out, faultCode.prefixCut, field, from - start)
      const units = readPrefix(table[cell + 3]!, bytes, from, size)
      if (units < 0) return fault(out, faultCode.prefixForm, field, from - start)
      if (units < table[cell + 5]! || units > table[cell + 6]! || units % table[cell + 1]! !== 0) {
        return fault(out, faultCode.lengthRange, field, from - start)
      }
      const factor = table[cell + 4]!
      to = at + (factor === 0 ? units : factor === 1 ? (units + 1) >> 1 : units * 2)
      if (factor === 3) to = at + (units >> 1) + 1
      if (to > end) return fault(out, faultCode.valueCut, field, from - start)
      odd = parity === 2 && (units & 1) === 1
    } else if (op === opUnknown) return fault(out, faultCode.fieldUnknown, field, from - start)
    else if (op === opBitmap) return this.#readThird(bytes, start, from, end, out)
    const bad = misfit(table[cell + 7]!, bytes, at, to, odd)
    if (bad >= 0) return fault(out, faultCode.content, field, bad - start)
    const composite = this.#composites[row]
    if (composite !== undefined) {
      const inside = composite.check(bytes, at, to)
      if (inside >= 0) return fault(out, faultCode.structure, field, inside - start, at, to)
    }
    this.#prefixAt = at - from
    return to
  }

  #caseRow(
    field: number,
    bytes: Uint8Array,
    start: number,
    out: Int32Array,
    mti: number
  ): number {
    const cases = this.#entries[field]!.cases
    const first = this.#caseRows[field]!
    for (const [index, each] of cases.entries()) {
      if (each.when(bytes, start, out, mti)) return first + index
    }
    return first + cases.length
  }

  #judge(
    rule: PresenceRule,
    bytes: Uint8Array,
    start: number,
    out: Int32Array,
    mti: number,
    count: number
  ): number {
    const words = this.#words
    for (let word = 0; word < wordCount; word++) {
      const missing = rule.mandatory[word]! & ~words[word]!
      if (missing !== 0) {
        return fault(out, faultCode.missing, word * 32 + Math.clz32(missing) + 1, 0)
      }
      const wrong = rule.forbidden[word]! & words[word]!
      if (wrong !== 0) {
        return fault(out, faultCode.forbidden, word * 32 + Math.clz32(wrong) + 1, 0)
      }
    }
    for (const { field, when } of rule.conditional) {
      const present = (words[(field - 1) >> 5]! & (0x80000000 >>> ((field - 1) & 31))) !== 0
      if (!present && when(bytes, start, out, mti)) {
        return fault(out, faultCode.missing, field, 0)
      }
    }
    for (const { allows, field } of rule.values) {
      const present = (words[(field - 1) >> 5]! & (0x80000000 >>> ((field - 1) & 31))) !== 0
      if (present && !allows(bytes, start, out, mti)) {
        return fault(out, faultCode.value, field, 0)
      }
    }
    return this.#tracks.length === 0 ? count : this.#judgeTracks(bytes, start, out, mti, count)
  }

  #judgeTracks(
    bytes: Uint8Array,
    start: number,
    out: Int32Array,
    mti: number,
    count: number
  ): number {
    for (const { entry, field, test } of this.#tracks) {
      const at = find(out, field)
      if (at === 0) continue
      const from = start + out[at + 1]!
      const to = start + out[at + 2]!
      const odd = isOdd(entry.shape, digitsOf(entry.shape, bytes, from, to))
      const bad = misfit(test, bytes, from, to, odd)
      if (bad >= 0 && enciphered(entry, bytes, start, out, mti) === undefined) {
        return fault(out, faultCode.content, field, bad - start)
      }
    }
    return count
  }
}

interface TrackRule {
  readonly field: number
  readonly entry: FieldEntry
  /** What clear track data must pass. */
  readonly test: number
}

/** How the prefix's number becomes bytes: 0 as it is, 1 half, 2 double, 3 a sign and half. */
function factorOf(shape: FieldShape): number {
  if (shape.prefix === undefined) return 0
  if (shape.encoding === "bcd" && shape.type === "x+n" && shape.prefix.counts === "digits") return 3
  const ten = bytesOf(shape, 10)
  return ten === 5 ? 1 : ten === 20 ? 2 : 0
}

function fault(
  out: Int32Array,
  code: number,
  field: number,
  offset: number,
  from = 0,
  to = 0
): number {
  out[faultAt] = code
  out[faultAt + 1] = field
  out[faultAt + 2] = offset
  out[faultAt + 3] = from
  out[faultAt + 4] = to
  return -code
}
