/**
 * What a message of a batch upload (0320) says: transactions, one or several, or that the upload
 * has ended. A clear card number is masked here and goes no further.
 *
 *     China UnionPay, field 48   count 2, then up to 8 times: card type 2 (00 UnionPay, 01 other),
 *     of several transactions    STAN 6, card number 20 behind zeros, amount 12
 *     at the end (60.3 202, 207) number of transactions 4
 *     any dialect                fields 11 and 4 of one transaction, with its card in field 2
 *
 * The layout of field 48 is that of terminals in the field (China UnionPay POS); 2 + 8 x 40 is the
 * field's maximum of 322.
 */

import type { UploadedDetail } from "../domain/batch-totals.ts"
import { maskPan } from "../domain/pan.ts"
import type { Message } from "../iso8583/message.ts"

type Uploaded =
  | { readonly what: "details"; readonly details: ReadonlyArray<UploadedDetail> }
  | { readonly what: "end"; readonly count: number }

const detailDigits = 40
const endCodes: ReadonlySet<string> = new Set(["202", "207"])

/** Undefined: it says nothing that can be read. */
export function readUploaded(message: Pick<Message, "text" | "role">): Uploaded | undefined {
  const field48 = message.text("48") ?? ""
  if (endCodes.has(message.role("networkCode") ?? "")) {
    return /^\d{4}$/.test(field48) ? { what: "end", count: Number(field48) } : undefined
  }
  if (/^\d{2}(?:\d{40}){1,8}$/.test(field48)) return listed(field48)
  const stan = message.role("stan")
  const amount = Number(message.role("amount") ?? Number.NaN)
  if (stan === undefined || !Number.isSafeInteger(amount)) return undefined
  return { what: "details", details: [{ stan, amount, ...masked(message.role("pan") ?? "") }] }
}

function listed(field48: string): Uploaded | undefined {
  const count = Number(field48.slice(0, 2))
  if (field48.length !== 2 + count * detailDigits) return undefined
  const details = Array.from({ length: count }, (_, index) => {
    const line = field48.slice(2 + index * detailDigits, 2 + (index + 1) * detailDigits)
    return {
      stan: line.slice(2, 8),
      amount: Number(line.slice(28)),
      ...masked(line.slice(8, 28).replace(/^0+/, ""))
    }
  })
  return { what: "details", details }
}

const masked = (pan: string): { readonly card?: string } => pan === "" ? {} : { card: maskPan(pan) }
