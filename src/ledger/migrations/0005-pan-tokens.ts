/**
 * Schema version 5: a keyed token of the card, empty unless it is switched on. The same card has
 * the same token under the same key, and without the key a token says nothing.
 */

import { type Column, statements } from "./table.ts"

export const columns: ReadonlyArray<Column> = [
  ["pan_token", "text", "HMAC of the card number, where tokens are switched on; 32 hex digits"]
]

export const migration = statements([
  ...columns.flatMap(([name, type, comment]) => [
    `ALTER TABLE transactions ADD COLUMN ${name} ${type}`,
    `COMMENT ON COLUMN transactions.${name} IS '${comment}'`
  ]),
  "CREATE INDEX transactions_pan_token ON transactions (pan_token) WHERE pan_token IS NOT NULL"
])
