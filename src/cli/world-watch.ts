/**
 * Shows whoever judges a seeded world what its switch leaves behind: the journal, rows, what rows
 * keep sealed, and logs. What must hold: what is shown is a copy, or never changes.
 */

import type { LedgerEntry } from "../domain/ports/journal.ts"
import type { KeyStore } from "../security/key-store.ts"
import { isFault } from "../security/security-fault.ts"
import { vaultFrom } from "../security/vault.ts"
import type { Written } from "../simulate/world/house.ts"

/** Shows the columns of a row, and what stands in the sealed one. */
export function rowWatch(
  store: KeyStore,
  written: Written
): (row: LedgerEntry["row"]) => void {
  const vault = vaultFrom(store, (length) => new Uint8Array(length))
  if (isFault(vault)) throw new Error(`the world has no vault: ${vault.code}`)
  return (row) => {
    const values: ReadonlyArray<unknown> = Object.values(row)
    written("a row", Buffer.from(values.filter((value) => typeof value === "string").join("\n")))
    for (const value of values) {
      if (!(value instanceof Uint8Array)) continue
      const opened = vault.open(value)
      if (opened === undefined) written("a row", Uint8Array.from(value))
      else written("what a row keeps sealed", opened)
    }
  }
}
