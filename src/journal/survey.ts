/**
 * Looks at a few fields of every transaction that a restart found, once and in the order of the
 * log, and keeps of each what its terminal's window needs: cells as they are packed, in blocks,
 * because most terminals say nothing for hours. Nothing is allocated for a record. Must hold: what
 * is read from a kept cell is what a decoding of the record gives.
 */

import { invariant } from "../domain/invariant.ts"
import type { TerminalWindows } from "../domain/ports/journal.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { cellAfter, cellAt, findCells, nil } from "./cells.ts"
import { RepeatedTexts } from "./repeated-texts.ts"
import { columnPlace } from "./rows.ts"

type Field = keyof TransactionRecord

/** Fields whose texts many records have in common. */
const repeated: ReadonlySet<Field> = new Set(["batch", "kind", "state", "terminal", "upstream"])

const blockBytes = 1024 * 1024
const startRecords = 1024
const none = -1

export class Survey<L extends Field, K extends Field> {
  /** The record that is looked at: the same object every time. */
  readonly seen: Pick<TransactionRecord, L>
  /** What was kept so far. */
  readonly windows: Windows<K>
  readonly #wanted: ReadonlyArray<number>
  /** Of each wanted cell, where it begins and ends in `#bytes`. */
  readonly #found: Int32Array
  readonly #keptAt: ReadonlyArray<number>
  readonly #terminalAt: number
  readonly #terminals = new RepeatedTexts()
  #bytes: Buffer = Buffer.alloc(0)

  constructor(looked: ReadonlyArray<L>, kept: ReadonlyArray<K>) {
    const fields = [...new Set<Field>([...looked, ...kept, "terminal"])]
    this.#wanted = fields.map(columnPlace).sort((left, right) => left - right)
    this.#found = new Int32Array(2 * this.#wanted.length)
    const at = (field: Field) => this.#wanted.indexOf(columnPlace(field))
    this.#keptAt = kept.map(at)
    this.#terminalAt = at("terminal")
    this.windows = new Windows(kept)
    const seen = {}
    for (const field of looked) {
      const index = at(field)
      const texts = repeated.has(field) ? new RepeatedTexts() : undefined
      Object.defineProperty(seen, field, { get: () => this.#cell(index, texts) })
    }
    this.seen = seen as Pick<TransactionRecord, L>
  }

  /** Looks at the record that is packed at `offset`, and keeps what is to be kept. */
  look(bytes: Buffer, offset: number): void {
    this.#bytes = bytes
    findCells(bytes, offset, this.#wanted, this.#found)
    const terminal = this.#cell(this.#terminalAt, this.#terminals) as string
    this.windows.keep(terminal, bytes, this.#found, this.#keptAt)
  }

  #cell(index: number, texts: RepeatedTexts | undefined): unknown {
    return cellAt(this.#bytes, this.#found[2 * index]!, this.#found[2 * index + 1]!, texts)
  }
}

/** What was kept of the records of each terminal. */
export class Windows<K extends Field> implements TerminalWindows<Pick<TransactionRecord, K>> {
  readonly #fields: ReadonlyArray<K>
  readonly #texts: ReadonlyArray<RepeatedTexts | undefined>
  /** The last record of each terminal that nobody has taken. */
  readonly #last = new Map<string, number>()
  /** Of each record the one of its terminal that was kept before it, and its cells. */
  #before = new Int32Array(startRecords)
  #blockOf = new Int32Array(startRecords)
  #starts = new Int32Array(startRecords)
  #records = 0
  readonly #blocks: Array<Buffer> = [Buffer.allocUnsafeSlow(blockBytes)]
  #end = 0

  constructor(fields: ReadonlyArray<K>) {
    this.#fields = fields
    this.#texts = fields.map((field) => repeated.has(field) ? new RepeatedTexts() : undefined)
  }

  keep(
    terminal: string,
    bytes: Buffer,
    found: Int32Array,
    cells: ReadonlyArray<number>
  ): void {
    const record = this.#records++
    if (record === this.#before.length) this.#grow()
    let length = cells.length
    for (const cell of cells) length += found[2 * cell + 1]! - found[2 * cell]!
    if (this.#end + length > blockBytes) {
      invariant(length <= blockBytes, "what is kept of a record is short")
      this.#blocks.push(Buffer.allocUnsafeSlow(blockBytes))
      this.#end = 0
    }
    this.#before[record] = this.#last.get(terminal) ?? none
    this.#last.set(terminal, record)
    this.#blockOf[record] = this.#blocks.length - 1
    this.#starts[record] = this.#end
    const block = this.#blocks.at(-1)!
    let to = this.#end
    for (const cell of cells) {
      const start = found[2 * cell]!
      const end = found[2 * cell + 1]!
      if (start === end) block[to++] = nil
      for (let at = start; at < end; at++) block[to++] = bytes[at]!
    }
    this.#end = to
  }

  take(terminal: string): Array<Pick<TransactionRecord, K>> {
    const records: Array<Pick<TransactionRecord, K>> = []
    let record = this.#last.get(terminal) ?? none
    for (; record !== none; record = this.#before[record]!) records.push(this.#record(record))
    this.#last.delete(terminal)
    return records
  }

  next(): string | undefined {
    for (const terminal of this.#last.keys()) return terminal
    return undefined
  }

  #record(record: number): Pick<TransactionRecord, K> {
    const block = this.#blocks[this.#blockOf[record]!]!
    const start = this.#starts[record]!
    const fields: Record<string, unknown> = {}
    for (let index = 0; index < this.#fields.length; index++) {
      const value = cellAfter(block, start, index, this.#texts[index])
      if (value !== undefined) fields[this.#fields[index]!] = value
    }
    // The bytes passed their checksum, so each cell holds what was written to its column.
    return fields as Pick<TransactionRecord, K>
  }

  #grow(): void {
    this.#before = twice(this.#before)
    this.#blockOf = twice(this.#blockOf)
    this.#starts = twice(this.#starts)
  }
}

function twice(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(numbers.length * 2)
  more.set(numbers)
  return more
}
