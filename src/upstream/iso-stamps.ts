/**
 * What the switch writes into a request of its own accord: STAN, RRN, times and acquirer id on
 * every message, and on follow-ons and reversals the references under which the upstream knows the
 * original. Paths are the dialect's; a dialect that lacks a field goes without it.
 */

import type { Stan } from "../domain/brand.ts"
import type { SealedFacts, TransactionRecord } from "../domain/transaction.ts"
import type { Dialect, Message, OriginalFacts, Role } from "../iso8583/message.ts"
import { localTimeOf } from "../iso8583/request-facts.ts"
import { ValueList } from "../iso8583/value-list.ts"
import { currencyExponent } from "../qr/currency-exponent.ts"

export interface StampPaths {
  readonly stan: string
  readonly rrn: string | undefined
  readonly transmissionTime: string | undefined
  readonly localTime: string | undefined
  /** Of hhmmss, YYMMDDhhmmss or YYYYMMDDhhmmss. */
  readonly timeDigits: number
  readonly localDate: string | undefined
  readonly acquirer: string | undefined
}

/** What the stamps say this time. */
export interface Stamps {
  readonly stan: Stan
  readonly rrn: string
  /** MMDDhhmmss, UTC: field 7. */
  readonly utc: string
  /** MMDDhhmmss, local time of the switch: fields 12 and 13. */
  readonly local: string
  readonly year: string
  readonly acquirer: string
}

export function stampPaths(dialect: Dialect): StampPaths {
  const path = (role: Role) => dialect.pathOf(role)
  return {
    stan: path("stan") ?? "11",
    rrn: path("rrn"),
    transmissionTime: path("transmissionTime"),
    localTime: path("localTime"),
    timeDigits: dialect.digitsOf?.("localTime") ?? 6,
    localDate: path("localDate"),
    acquirer: path("acquirer")
  }
}

/**
 * `source` is the terminal's message, whose own local time and date win. `within`: they cross as
 * they are, because the upstream speaks the same dialect.
 */
export function stamp(
  paths: StampPaths,
  stamps: Stamps,
  source: Message | undefined,
  within: boolean
): ValueList {
  const values = new ValueList()
  values.set(paths.stan, stamps.stan)
  if (paths.rrn !== undefined && stamps.rrn !== "") values.set(paths.rrn, stamps.rrn)
  if (paths.transmissionTime !== undefined) values.set(paths.transmissionTime, stamps.utc)
  if (paths.acquirer !== undefined && stamps.acquirer !== "") {
    values.set(paths.acquirer, stamps.acquirer)
  }
  const local = within || source === undefined
    ? stamps.local
    : localTimeOf(source) ?? stamps.local
  if (paths.localTime !== undefined && !(within && source?.role("localTime") !== undefined)) {
    values.set(paths.localTime, dated(local, stamps.year + stamps.local).slice(-paths.timeDigits))
  }
  if (paths.localDate !== undefined && !(within && source?.role("localDate") !== undefined)) {
    values.set(paths.localDate, local.slice(0, 4))
  }
  return values
}

/** A transaction as its upstream knows it. */
export function originalFacts(
  record: TransactionRecord,
  facts: SealedFacts,
  dialect: Dialect,
  acquirer: string,
  /** YYYYMMDDhhmmss, local: when it was sent, for what the message itself did not say. */
  sentTime: string
): OriginalFacts {
  const { amount, authCode, batch, currency, entryMode } = record
  const { localTime = sentTime.slice(4) } = record
  const rrn = record.upstreamRrn ?? record.rrn
  return {
    kind: record.kind,
    mti: dialect.form(record.kind)?.mti ?? record.mti,
    stan: record.upstreamStan ?? record.stan,
    processingCode: record.processingCode,
    transmissionTime: record.upstreamTime ?? sentTime.slice(4),
    localTime: dated(localTime, sentTime),
    terminal: record.terminal,
    merchant: record.merchant,
    ...(amount === undefined ? {} : { amount: String(amount).padStart(12, "0") }),
    ...(currency === undefined
      ? {}
      : { currency, exponent: String(currencyExponent(currency)) }),
    ...(batch === undefined ? {} : { batch }),
    ...(entryMode === undefined ? {} : { entryMode }),
    ...(rrn === undefined ? {} : { rrn }),
    ...(authCode === undefined ? {} : { authCode }),
    ...(acquirer === "" ? {} : { acquirer }),
    ...(facts.pan === undefined ? {} : { pan: facts.pan }),
    ...(facts.expiry === undefined ? {} : { expiry: facts.expiry }),
    ...(facts.cardSequence === undefined ? {} : { cardSequence: facts.cardSequence })
  }
}

/** A time without its year (MMDDhhmmss), in the year in which it is nearest to YYYYMMDDhhmmss. */
function dated(time: string, ours: string): string {
  const year = Number(ours.slice(0, 4))
  const monthsAhead = Number(time.slice(0, 2)) - Number(ours.slice(4, 6))
  if (monthsAhead > 6) return year - 1 + time
  return (monthsAhead < -6 ? year + 1 : year) + time
}
