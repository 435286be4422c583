/** Transactions as the road makes them, for the ledger's tests and bench. Test numbers only. */

import type {
  BusinessDay,
  MerchantId,
  Rrn,
  Stan,
  TerminalId,
  TransactionId
} from "../../src/domain/brand.ts"
import type { LedgerEntry } from "../../src/domain/ports/journal.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"

export const baseMs = Date.UTC(2026, 2, 2, 10, 0, 0)
export const day = "2026-03-02" as BusinessDay

const firstMs = baseMs.toString(16).padStart(12, "0")

/** The `number`-th id: version 7, made at `baseMs`, sorted by number. */
export const idOf = (number: number): TransactionId =>
  `${firstMs.slice(0, 8)}-${firstMs.slice(8)}-7000-8000-${
    number.toString(16).padStart(12, "0")
  }` as TransactionId

/** An approved card sale with every column of the usual road filled. */
export function sale(number: number, changes: Partial<TransactionRecord> = {}): TransactionRecord {
  const receivedMs = baseMs + number
  const stan = String(number % 1_000_000).padStart(6, "0") as Stan
  return {
    id: idOf(number),
    version: 3,
    state: "answered",
    kind: "sale",
    channel: "chip",
    scheme: "card",
    day,
    key: `12345678:000001:${stan}:02:000000`,
    fingerprint: `f${number.toString(16).padStart(15, "0")}`,
    terminal: String(10_000_000 + number % 5000) as TerminalId,
    merchant: String(100_000_000_000_000 + number % 500) as MerchantId,
    session: 7,
    mti: "0200",
    processingCode: "000000",
    entryMode: "051",
    stan,
    batch: "000001",
    rrn: String(606_110_000_000 + number) as Rrn,
    localTime: "0302100000",
    amount: 1000 + number % 90_000,
    currency: "156",
    panMask: "621234******4567",
    route: "domestic",
    upstream: "acquirer",
    link: 1,
    upstreamStan: stan,
    upstreamRrn: String(606_120_000_000 + number) as Rrn,
    upstreamTime: "0302100000",
    configVersion: 1,
    response: "00",
    upstreamResponse: "00",
    approved: true,
    authCode: "123456",
    times: {
      receivedMs,
      forwardedMs: receivedMs + 2,
      upstreamAnsweredMs: receivedMs + 40,
      answeredMs: receivedMs + 41
    },
    ownMs: 2.5,
    upstreamMs: 38.25,
    ...changes
  }
}

export const entry = (row: TransactionRecord): LedgerEntry => ({ table: "transactions", row })

export const sales = (count: number, from = 0): Array<LedgerEntry> =>
  Array.from({ length: count }, (_, index) => entry(sale(from + index)))
