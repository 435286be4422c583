/**
 * Glances: the few fields of a record that somebody may look at, copied out of the log as they are
 * packed, each decoded when it is looked at. A restart makes one of every record, and most are of
 * terminals that say nothing for hours.
 */

import { invariant } from "../domain/invariant.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { cellAfter, copyCells } from "./cells.ts"
import { columnPlace } from "./rows.ts"

/** Copies share blocks of this size, which live as long as one of their glances does. */
const blockBytes = 256 * 1024

/** Makes glances with these fields of the record that is packed at `offset`. */
export function glancer<F extends keyof TransactionRecord>(
  fields: ReadonlyArray<F>
): (bytes: Buffer, offset: number) => Pick<TransactionRecord, F> {
  const sorted = fields.toSorted((left, right) => columnPlace(left) - columnPlace(right))
  const places = sorted.map(columnPlace)
  class Glance {
    readonly #block: Buffer
    readonly #start: number

    constructor(block: Buffer, start: number) {
      this.#block = block
      this.#start = start
    }

    cell(index: number): unknown {
      return cellAfter(this.#block, this.#start, index)
    }
  }
  sorted.forEach((field, index) =>
    Object.defineProperty(Glance.prototype, field, {
      get(this: Glance) {
        return this.cell(index)
      }
    })
  )
  let block = Buffer.allocUnsafeSlow(blockBytes)
  let end = 0
  return (bytes, offset) => {
    let start = end
    end = copyCells(bytes, offset, places, block, start)
    if (end < 0) {
      block = Buffer.allocUnsafeSlow(blockBytes)
      start = 0
      end = copyCells(bytes, offset, places, block, start)
      invariant(end > 0, "the fields of a glance are short")
    }
    // The bytes passed their checksum, so each cell holds what was written to its column.
    return new Glance(block, start) as unknown as Pick<TransactionRecord, F>
  }
}
