/**
 * One group of the log as bytes: what one sync makes durable. All or nothing is what the store
 * promises for a group; that it is whole, and the one its key names, is proven by its checksum.
 * All numbers are little-endian.
 *
 * ```
 *  0   1  format
 *  1   4  CRC-32 (IEEE) of everything that follows
 *  5   8  sequence of the group, float64
 * 13   8  wall time in milliseconds, float64
 * 21   8  ledger watermark: the feed up to here is in PostgreSQL, float64
 * 29   8  number that the next feed entry gets, float64
 * 37   4  records
 * 41      records, each
 *           1  table
 *           1  kind: 0 value, 1 removed, 2 the value of an earlier record of this group
 *           1  length of the key, then the key (UTF-8; of the feed: table, sequence as float64)
 *           4  length of the value, then the value   (kind 0)
 *           4  its length, 4 its offset in the group (kind 2)
 * ```
 */

import { crc32 } from "node:zlib"
import { invariant } from "../domain/invariant.ts"

export const groupFormat = 1
export const headerBytes = 41

const valueKind = 0
const removedKind = 1
const sameKind = 2
export const feedKeyBytes = 9
/** What a record needs beside its key and value, at most. */
const recordBytes = 11

/** Bytes that a record takes, for the account of what is live. */
export function recordWeight(keyLength: number, valueBytes: number): number {
  return recordBytes + keyLength + valueBytes
}

export interface GroupHeader {
  readonly sequence: number
  readonly wallMs: number
  readonly watermark: number
  readonly nextFeed: number
}

/** Told of each record; all places are those within the group. */
export interface RecordVisitor {
  readonly record: (
    table: number,
    keyStart: number,
    keyEnd: number,
    offset: number,
    length: number
  ) => void
  readonly removed: (table: number, keyStart: number, keyEnd: number) => void
  /** `shared`: the value is that of an earlier record. */
  readonly feed: (
    table: number,
    sequence: number,
    offset: number,
    length: number,
    shared: boolean
  ) => void
}

/** Why bytes are not a group of this switch; `undefined` = they are. */
export type GroupFault = "newer-format" | "corrupt"

/** Buffers of finished groups that wait for another group; those of a busy disk are a few. */
const maxSpare = 4

/**
 * Fills one group; offsets that it returns are those in the finished bytes. Their memory is used
 * again: as garbage of the collector, groups were most of what it had to come for.
 */
export class GroupWriter {
  readonly #startBytes: number
  readonly #spare: Array<Buffer> = []
  #bytes: Buffer
  #end = headerBytes
  #records = 0

  constructor(startBytes: number) {
    this.#startBytes = startBytes
    this.#bytes = Buffer.allocUnsafeSlow(startBytes)
  }

  get bytes(): number {
    return this.#end
  }

  get records(): number {
    return this.#records
  }

  value(table: number, key: string, value: Uint8Array): number {
    this.#key(table, valueKind, key, value.length)
    return this.#value(value)
  }

  removed(table: number, key: string): void {
    this.#key(table, removedKind, key, 0)
  }

  feed(table: number, sequence: number, value: Uint8Array): number {
    this.#feedKey(table, valueKind, sequence, value.length)
    return this.#value(value)
  }

  /** A feed entry whose value this group has already, at `offset`. */
  feedSame(table: number, sequence: number, offset: number, length: number): void {
    this.#feedKey(table, sameKind, sequence, 0)
    this.#bytes.writeUInt32LE(length, this.#end)
    this.#bytes.writeUInt32LE(offset, this.#end + 4)
    this.#end += 8
  }

  /** The finished group, nobody else's until it is given back; the writer is empty afterwards. */
  finish(header: GroupHeader): Buffer {
    const bytes = this.#bytes
    bytes[0] = groupFormat
    bytes.writeDoubleLE(header.sequence, 5)
    bytes.writeDoubleLE(header.wallMs, 13)
    bytes.writeDoubleLE(header.watermark, 21)
    bytes.writeDoubleLE(header.nextFeed, 29)
    bytes.writeUInt32LE(this.#records, 37)
    bytes.writeUInt32LE(crc32(bytes.subarray(5, this.#end)), 1)
    const group = bytes.subarray(0, this.#end)
    this.#bytes = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#startBytes)
    this.#end = headerBytes
    this.#records = 0
    return group
  }

  /** A group that nobody looks at any more. */
  giveBack({ buffer }: Buffer): void {
    if (buffer.byteLength !== this.#startBytes || this.#spare.length >= maxSpare) return
    this.#spare.push(Buffer.from(buffer))
  }

  #key(table: number, kind: number, key: string, valueBytes: number): void {
    // A UTF-16 unit takes at most three bytes in UTF-8.
    this.#room(recordBytes + key.length * 3 + valueBytes)
    const at = this.#end
    const length = this.#bytes.write(key, at + 3, "utf8")
    invariant(length > 0 && length < 256, "a journal key has 1 to 255 bytes")
    this.#bytes[at] = table
    this.#bytes[at + 1] = kind
    this.#bytes[at + 2] = length
    this.#end = at + 3 + length
    this.#records++
  }

  #feedKey(table: number, kind: number, sequence: number, valueBytes: number): void {
    this.#room(recordBytes + feedKeyBytes + valueBytes)
    const at = this.#end
    this.#bytes[at] = feedTable
    this.#bytes[at + 1] = kind
    this.#bytes[at + 2] = feedKeyBytes
    this.#bytes[at + 3] = table
    this.#bytes.writeDoubleLE(sequence, at + 4)
    this.#end = at + 3 + feedKeyBytes
    this.#records++
  }

  #value(value: Uint8Array): number {
    this.#bytes.writeUInt32LE(value.length, this.#end)
    const offset = this.#end + 4
    this.#bytes.set(value, offset)
    this.#end = offset + value.length
    return offset
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + bytes))
    larger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = larger
  }
}

/** The number of the feed among the tables; its keys are numbers. */
export const feedTable = 255

export function groupFault(bytes: Uint8Array, sequence: number): GroupFault | undefined {
  if (bytes.length > 0 && bytes[0]! > groupFormat) return "newer-format"
  if (bytes.length < headerBytes || bytes[0] !== groupFormat) return "corrupt"
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(1, true) !== crc32(bytes.subarray(5))) return "corrupt"
  return view.getFloat64(5, true) === sequence ? undefined : "corrupt"
}

/** Of bytes without a fault. */
export function readHeader(bytes: Buffer): GroupHeader {
  return {
    sequence: bytes.readDoubleLE(5),
    wallMs: bytes.readDoubleLE(13),
    watermark: bytes.readDoubleLE(21),
    nextFeed: bytes.readDoubleLE(29)
  }
}

/** Visits the records of bytes without a fault, in the order in which they were written. */
export function visitRecords(bytes: Buffer, visitor: RecordVisitor): void {
  const records = bytes.readUInt32LE(37)
  let at = headerBytes
  for (let index = 0; index < records; index++) {
    const table = bytes[at]!
    const kind = bytes[at + 1]!
    const keyAt = at + 3
    const keyEnd = keyAt + bytes[at + 2]!
    if (kind === removedKind) {
      visitor.removed(table, keyAt, keyEnd)
      at = keyEnd
      continue
    }
    const length = bytes.readUInt32LE(keyEnd)
    const same = kind === sameKind
    const offset = same ? bytes.readUInt32LE(keyEnd + 4) : keyEnd + 4
    if (table === feedTable) {
      visitor.feed(bytes[keyAt]!, bytes.readDoubleLE(keyAt + 1), offset, length, same)
    } else visitor.record(table, keyAt, keyEnd, offset, length)
    at = same ? keyEnd + 8 : offset + length
  }
}

/** The same bytes as a `Buffer`, without copying them. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
