/** Records as the stations write them, with invented content. */

import type { TransactionId } from "../../src/domain/brand.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"

/** UUID version 7 shaped, and in the order of `number`. */
export function idOf(number: number): TransactionId {
  const hex = number.toString(16).padStart(12, "0")
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000` as TransactionId
}

export function transaction(
  number: number,
  change: Partial<TransactionRecord> = {}
): TransactionRecord {
  return {
    id: idOf(number),
    version: 3,
    state: "forwarded",
    kind: "sale",
    channel: "card",
    scheme: "unionpay",
    day: "2026-11-26",
    key: `T${number % 10_000}:000000000000001:000001:${number % 1_000_000}:02:000000`,
    fingerprint: "0123456789abcdef0123456789abcdef",
    terminal: String(10_000_000 + number % 10_000),
    merchant: "123456789012345",
    session: 17,
    mti: "0200",
    processingCode: "000000",
    entryMode: "021",
    stan: String(number % 1_000_000).padStart(6, "0"),
    batch: "000001",
    localTime: "1126101112",
    amount: 12_345,
    currency: "156",
    panMask: "621700******0003",
    sealed: new Uint8Array(120).fill(number & 255),
    route: "unionpay-main",
    upstream: "acquirer-a",
    link: 1,
    upstreamStan: String(number % 999_999).padStart(6, "0"),
    upstreamRrn: String(number).padStart(12, "0"),
    upstreamTime: "1126021112",
    configVersion: 1,
    times: { receivedMs: 1_795_000_000_000 + number, forwardedMs: 1_795_000_000_001 + number },
    ...change
  } as TransactionRecord
}

/** The same transaction after its answer. */
export function answered(record: TransactionRecord): TransactionRecord {
  return {
    ...record,
    version: record.version + 1,
    state: "answered",
    approved: true,
    response: "00",
    upstreamResponse: "00",
    authCode: "123456",
    rrn: record.upstreamRrn!,
    ownMs: 0.8125,
    upstreamMs: 41.5,
    times: { ...record.times, upstreamAnsweredMs: 1_795_000_000_050, answeredMs: 1_795_000_000_050 }
  }
}
