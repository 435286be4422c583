/**
 * What a reversal is looked for by, as the journal gives it back. The journal's table `state` holds
 * values of many shapes; what must hold here is that nothing passes for a question but one.
 */

import { Option, Schema } from "effect"
import type { MerchantId, TerminalId, TransactionId } from "../domain/brand.ts"
import { kinds } from "../domain/kind.ts"
import type { ArchiveQuestion } from "../domain/ports/archive.ts"

/** A string that was checked before it was written. */
const checked = <A extends string>() =>
  Schema.declare((value: unknown): value is A => typeof value === "string" && value !== "")

const question = Schema.Struct({
  kinds: Schema.Array(Schema.Literals(kinds)),
  merchant: checked<MerchantId>(),
  terminal: checked<TerminalId>(),
  rrn: Schema.optionalKey(Schema.String),
  stan: Schema.optionalKey(Schema.String),
  batch: Schema.optionalKey(Schema.String),
  authCode: Schema.optionalKey(Schema.String),
  voucher: Schema.optionalKey(Schema.String),
  amount: Schema.optionalKey(Schema.Number),
  panMask: Schema.optionalKey(Schema.String),
  sinceMs: Schema.optionalKey(Schema.Number),
  before: Schema.optionalKey(checked<TransactionId>())
})

const decode = Schema.decodeUnknownOption(question)

/** Undefined: it is something else. */
export function questionIn(value: unknown): ArchiveQuestion | undefined {
  return Option.getOrUndefined(decode(value))
}
