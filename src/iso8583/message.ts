/**
 * What the rest of the switch sees of ISO 8583: a compiled dialect and a message seen through it.
 * A message is a view: bytes and an index of where each field stands; values are read on demand.
 */

import type { Kind } from "../domain/kind.ts"
import type { MacAlgorithm, WorkingKeyShape } from "../domain/ports/security-module.ts"
import type { BuildFault, CodecFault } from "./fault.ts"
import type { ValueList } from "./value-list.ts"

/**
 * The parts of a message that mean the same in every dialect. The dialect says which field paths
 * hold each, first one present wins.
 */
export type Role =
  | "pan"
  | "expiry"
  | "cardSequence"
  | "track2"
  | "pinBlock"
  | "processingCode"
  | "amount"
  | "currency"
  | "transmissionTime"
  | "stan"
  | "localTime"
  | "localDate"
  | "settlementDate"
  | "entryMode"
  | "condition"
  | "acquirer"
  | "forwarder"
  | "rrn"
  | "authCode"
  | "response"
  | "terminal"
  | "merchant"
  | "merchantName"
  | "networkCode"
  | "batch"
  | "originalBatch"
  | "originalStan"
  | "originalDate"
  | "payCode"
  | "voucher"
  | "ksn"
  | "mac"

/** Values by field path (`4`, `60.2`, `55.9F02`): text as people write it, or the value's bytes. */
export type Values = Readonly<Record<string, string | Uint8Array | undefined>>

/** Where the MAC stands, how it is made and what it covers. */
export interface MacRule {
  /**
   * Ascending, each the last field of a bitmap: the MAC stands in the first that no other field
   * follows, 64 or else 128, and so at the message's end.
   */
  readonly fields: ReadonlyArray<number>
  readonly algorithm: MacAlgorithm
  /** Bytes of the MAC that are sent: `binary` as they are, `hex` = 8 characters of the result. */
  readonly form: "binary" | "hex"
  /** Bytes of the field: 8, or the first 4 of the MAC (ISO 8583:2003). */
  readonly bytes: number
}

/** What a reversal says of its original, whatever the dialect's layout for it (F90, F56, F61). */
export interface OriginalFacts {
  readonly kind: Kind
  /** As sent upstream, in the upstream's dialect. */
  readonly mti: string
  readonly stan: string
  readonly processingCode?: string
  readonly amount?: string
  readonly currency?: string
  /** Decimal places of the currency: one digit. */
  readonly exponent?: string
  readonly pan?: string
  readonly expiry?: string
  readonly cardSequence?: string
  readonly entryMode?: string
  readonly condition?: string
  readonly batch?: string
  /** MMDDhhmmss of field 7, where the dialect has it. */
  readonly transmissionTime?: string
  /** YYYYMMDDhhmmss of field 12, as the terminal wrote it or when it was sent. */
  readonly localTime?: string
  readonly rrn?: string
  readonly authCode?: string
  readonly acquirer?: string
  readonly terminal: string
  readonly merchant: string
}

/** The fixed part of a message of one kind: its MTI and the values that make it that kind. */
export interface MessageForm {
  readonly mti: string
  readonly values: Values
}

export interface Message {
  readonly dialect: Dialect
  /** Body without frame header: MTI to last byte. */
  readonly bytes: Uint8Array
  /**
   * Flat index of Int32: `[count, field, start, end, field, start, end, …]`; offsets of the value
   * without its length prefix, into `bytes`.
   */
  readonly index: Int32Array
  readonly mti: string
  /** The same as a number. */
  readonly mtiNumber: number
  readonly has: (field: number) => boolean
  /** Fields present, ascending. */
  readonly fields: () => ReadonlyArray<number>
  /** The value as text: digits of BCD, decoded characters, upper-case hex of binary. */
  readonly text: (path: string) => string | undefined
  /** The value's bytes on the wire, without length prefix: a view, not a copy. */
  readonly raw: (path: string) => Uint8Array | undefined
  readonly role: (role: Role) => string | undefined
  /** Undefined when no kind of the dialect matches. */
  readonly kind: () => Kind | undefined
}

/** A compiled dialect: closures and tables made from a data file, checked at load. */
export interface Dialect {
  readonly name: string
  /** Small number, unique in the process: names the dialect across threads. */
  readonly number: number
  /**
   * The plain data it was compiled from. It can be cloned to a worker, which compiles it again
   * under the same number.
   */
  readonly source: unknown
  readonly mac: MacRule | undefined
  /** Response codes that are approvals, in this dialect's own words. */
  readonly approvals: ReadonlySet<string>
  readonly partialApprovals: ReadonlySet<string>
  /** Checks and indexes `bytes[start, end)`. */
  readonly read: (bytes: Uint8Array) => Message | CodecFault
  /**
   * Checks and indexes `bytes[start, end)` into `out` (room for `indexCapacity` Int32s), offsets
   * counted from `start`; returns the number of fields. Negative: `fault` says what is wrong. The
   * index takes the first `1 + 3 * count` elements. Allocates nothing on success.
   */
  readonly index: (bytes: Uint8Array, start: number, end: number, out: Int32Array) => number
  /** What a negative `index` means, from the same arguments. */
  readonly fault: (bytes: Uint8Array, start: number, out: Int32Array) => CodecFault
  /**
   * What can be read of bytes that `read` refused: a view of the fields before the fault, for
   * telling their sender by name (response 30). Undefined when not even the MTI can be read.
   */
  readonly salvage?: (bytes: Uint8Array) => Message | undefined
  /**
   * The field of an answer that may carry what waits for the terminal (a push, as text); absent:
   * the dialect has none, and only devices can be told.
   */
  readonly pushPath?: string
  /** A message over an index made elsewhere (by a worker) for the same bytes. */
  readonly view: (bytes: Uint8Array, index: Int32Array) => Message
  /**
   * A new message; the MAC field, if the dialect has one and `mac` is true, is left zero at the
   * end. The values are ours: one that does not fit its field is a programmer's error and throws.
   */
  readonly build: (mti: string, values: Values, mac?: boolean) => Buffer
  /** The same for values of others: what does not fit is a fault. */
  readonly encode: (
    mti: string,
    values: Values | ValueList,
    mac?: boolean
  ) => Buffer | BuildFault
  /**
   * Copies a message, changing some fields and dropping others; untouched fields keep their bytes.
   * The MAC, which no longer holds, is dropped, or left zero at the end when `mac` is true. Values
   * must fit, as for `build`.
   */
  readonly patch: (
    message: Message,
    change: {
      readonly mti?: string
      readonly set?: Values | ValueList
      readonly drop?: ReadonlyArray<number>
      readonly mac?: boolean
    }
  ) => Buffer
  /**
   * The response to a request: MTI of the response, the fields the dialect echoes, `response` in
   * the response-code field, then `values`. The MAC field is left zero when `mac` is true.
   */
  readonly respond: (
    request: Message,
    response: string,
    values: Values | ValueList,
    mac: boolean
  ) => Buffer
  /** As `respond`, for values that came from elsewhere: which of them the dialect cannot carry. */
  readonly answer: (
    request: Message,
    response: string,
    values: Values | ValueList,
    mac: boolean
  ) => Buffer | { readonly path: string; readonly problem: string }
  /** Path of the field that plays a role, for building: the first the dialect lists. */
  readonly pathOf: (role: Role) => string | undefined
  /**
   * Digits of the field that plays a role, where its length is fixed: a local time may be hhmmss,
   * YYMMDDhhmmss or YYYYMMDDhhmmss, a date MMDD, YYMMDD or YYYYMMDD. Absent: those of 1987.
   */
  readonly digitsOf?: (role: Role) => number | undefined
  /** What makes a repeat a repeat (design rule 9). */
  readonly transactionKey: (message: Message) => string
  /** Is this the repeat form of a request (MTI x2x1, x4x1)? */
  readonly isRepeat: (message: Message) => boolean
  readonly isResponse: (message: Message) => boolean
  /** The channel the entry mode and the pay code stand for. */
  readonly channel: (message: Message) => string
  /** Translates one of our 1987 response codes into the dialect's own. */
  readonly responseCode: (code1987: string) => string
  /** Translates one of the dialect's own response codes into the words of 1987. */
  readonly response1987: (code: string) => string
  /**
   * How the dialect reverses: request MTI, MTI of repeats if any, the codes that end a chain, and
   * the values that name the original. `reason` is a code of China UnionPay field 39; dialects that
   * carry none leave it out.
   */
  readonly reversal: {
    readonly mti: string
    readonly repeatMti?: string
    readonly accepts: ReadonlySet<string>
    readonly compose: (original: OriginalFacts, reason: string) => Values
  }
  /**
   * How a follow-on (void, refund, completion) names its original: RRN, authorisation code, F90 or
   * F61 in the dialect's own layout, and nothing else. Wins over what the terminal wrote there.
   */
  readonly refer: (original: OriginalFacts) => Values
  /**
   * What a request of this kind looks like when the switch makes it: sign-on, sign-off and echo on
   * a link, a sale whose terminal speaks another dialect. Undefined: the dialect has no such kind.
   */
  readonly form: (kind: Kind) => MessageForm | undefined
  /**
   * Which working keys a sign-on asks for, and the field of the answer that brings them; undefined
   * when the message is no sign-on or asks for none.
   */
  readonly keyDownload: (
    message: Message
  ) => { readonly shape: WorkingKeyShape; readonly path: string } | undefined
}
