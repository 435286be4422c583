/**
 * Writes a row's cells as one MessagePack array. A row is mostly short ASCII texts, small numbers
 * and gaps: these are written here, at a third of what a packer of anything costs, because every
 * transaction is written twice. Whatever else a cell holds is packed by msgpackr. Must hold:
 * msgpackr and `cells.ts` read what is written here.
 */

import { Packr } from "msgpackr"

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true })

/** Longer texts are written by the system's own encoder. */
const shortText = 64
/** What a cell of a known kind takes beside its text or bytes, at most. */
const cellBytes = 9

export class CellWriter {
  #bytes = Buffer.allocUnsafe(4096)
  #end = 0

  /** Begins a row of so many cells. */
  begin(cells: number): void {
    this.#end = 0
    this.array(cells)
  }

  /** The row; the bytes are reused by the next one. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  /** Begins an array within the row, or the row itself. */
  array(cells: number): void {
    this.#room(3)
    if (cells < 16) this.#bytes[this.#end++] = 0x90 | cells
    else {
      this.#bytes[this.#end] = 0xdc
      this.#bytes[this.#end + 1] = cells >> 8
      this.#bytes[this.#end + 2] = cells & 255
      this.#end += 3
    }
  }

  cell(value: unknown): void {
    switch (typeof value) {
      case "undefined":
        return this.#byte(0xc0)
      case "string":
        return this.#text(value)
      case "number":
        return this.#number(value)
      case "boolean":
        return this.#byte(value ? 0xc3 : 0xc2)
      default:
        if (value instanceof Uint8Array) this.#binary(value)
        else this.#copy(packr.pack(value))
    }
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#bytes[this.#end++] = byte
  }

  #text(text: string): void {
    const { length } = text
    this.#room(cellBytes + 3 * length)
    const start = this.#end
    if (length > shortText || !this.#ascii(text, length)) this.#utf8(text, start)
  }

  /** False: it is not all ASCII, and nothing was written. */
  #ascii(text: string, length: number): boolean {
    const bytes = this.#bytes
    let at = this.#end
    if (length < 32) bytes[at++] = 0xa0 | length
    else {
      bytes[at] = 0xd9
      bytes[at + 1] = length
      at += 2
    }
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index)
      if (unit > 0x7f) return false
      bytes[at++] = unit
    }
    this.#end = at
    return true
  }

  #utf8(text: string, start: number): void {
    const bytes = this.#bytes
    const length = bytes.write(text, start + 5, "utf8")
    bytes[start] = 0xdb
    bytes.writeUInt32BE(length, start + 1)
    this.#end = start + 5 + length
  }

  #number(value: number): void {
    this.#room(cellBytes)
    const bytes = this.#bytes
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff || Object.is(value, -0)) {
      bytes[this.#end] = 0xcb
      bytes.writeDoubleBE(value, this.#end + 1)
      this.#end += 9
    } else if (value < 0x80) {
      bytes[this.#end++] = value
    } else if (value < 0x1_0000) {
      bytes[this.#end] = 0xcd
      bytes[this.#end + 1] = value >> 8
      bytes[this.#end + 2] = value & 255
      this.#end += 3
    } else {
      bytes[this.#end] = 0xce
      bytes.writeUInt32BE(value, this.#end + 1)
      this.#end += 5
    }
  }

  #binary(value: Uint8Array): void {
    this.#room(5)
    this.#bytes[this.#end] = 0xc6
    this.#bytes.writeUInt32BE(value.length, this.#end + 1)
    this.#end += 5
    this.#copy(value)
  }

  #copy(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + bytes))
    larger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = larger
  }
}
